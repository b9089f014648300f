/**
 * The integer that a JSON number stands for, to the last digit: `7`, `7.0`, `70e-1` and `0.7e1` are 7. Undefined for what
 * is not a whole number. Numbers of more than 20 digits, which no 64 bits hold, are all ±10^20.
 */
export function parseWholeNumber(text: string): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = '', exponent = '0'] = match as unknown as [string, string, string, string?, string?];
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return 0n;
  const zeros = Number(exponent) - fraction.length;
  let magnitude: bigint;
  if (digits.length + zeros > maxDigits) magnitude = beyond;
  else if (zeros >= 0) magnitude = BigInt(digits + '0'.repeat(zeros));
  else if (-zeros >= digits.length || !/^0+$/.test(digits.slice(zeros))) return undefined;
  else magnitude = BigInt(digits.slice(0, zeros));
  return sign === '-' ? -magnitude : magnitude;
}

// Of 2^64.
const maxDigits = 20;
const beyond = 10n ** 20n;
