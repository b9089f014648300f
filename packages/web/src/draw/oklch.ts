/** A colour in OKLCH: lightness 0..1, chroma 0..0.4, hue in degrees. Equal steps look equally far apart. */
export interface Oklch {
  readonly lightness: number;
  readonly chroma: number;
  readonly hue: number;
}

/** Linear light, 0..1 inside of sRGB. */
type LinearRgb = readonly [red: number, green: number, blue: number];

/** The colour in sRGB; one outside of it loses chroma until it is inside, and keeps lightness and hue. */
export function toLinearRgb(colour: Oklch): LinearRgb {
  let rgb = convert(colour);
  for (let chroma = colour.chroma; !isInside(rgb) && chroma > 0; chroma -= 0.005) rgb = convert({ ...colour, chroma });
  return rgb.map((channel) => Math.min(Math.max(channel, 0), 1)) as unknown as LinearRgb;
}

/** `rgb(r g b)`, as CSS and canvas take it. */
export function toCss(colour: Oklch): string {
  const [red, green, blue] = toLinearRgb(colour).map((channel) => {
    const encoded = channel <= 0.0031308 ? channel * 12.92 : 1.055 * channel ** (1 / 2.4) - 0.055;
    return Math.round(encoded * 255);
  });
  return `rgb(${red} ${green} ${blue})`;
}

/** Contrast ratio of WCAG 2, from 1 to 21. */
export function contrastOf(a: Oklch, b: Oklch): number {
  const [low, high] = [luminanceOf(a), luminanceOf(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function luminanceOf(colour: Oklch): number {
  const [red, green, blue] = toLinearRgb(colour);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The matrices are those of the definition of OKLab (Ottosson 2020), as in CSS Color 4. */
function convert({ lightness, chroma, hue }: Oklch): LinearRgb {
  const radians = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(radians);
  const b = chroma * Math.sin(radians);
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

function isInside(rgb: LinearRgb): boolean {
  return rgb.every((channel) => channel >= -0.0005 && channel <= 1.0005);
}
