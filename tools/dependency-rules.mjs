// Checks who imports whom: between packages, and between the stages (folders of `src`) inside a package.
//
// The rules stand in `package-rules.mjs`. Every `.ts` and `.tsx` under `packages/*/src` is parsed, so all forms count
// alike: `import`, `import type`, `export … from`, `import()`, `import('…').Type`, `import x = require()`, `require()`.
// A tree without files, a package without rules, and an import that leads nowhere fail too: a check that silently looks
// at nothing would be worse than none.
//
//   node tools/dependency-rules.mjs [ROOT]

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';
import { packageRules } from './package-rules.mjs';
import { repositoryRoot } from './repository.mjs';

/**
 * @typedef {import('./package-rules.mjs').PackageRule} PackageRule
 * @typedef {{ file: string, line: number, specifier: string, rule: string }} Violation `file` is relative to the root.
 * @typedef {{ specifier: string | undefined, text: string, offset: number }} ImportSite No specifier: not a literal.
 * @typedef {{ name: string, src: string, rule: PackageRule, dependencies: Set<string>, exports: Set<string> }} Package
 */

const packageScope = '@clew/';
const nodeModules = new Set(builtinModules);

/**
 * Checks the tree under `root`.
 *
 * @param {string} root Folder that holds `packages/`.
 * @returns {{ fileCount: number, importCount: number, violations: Violation[] }}
 * @throws {Error} When there is nothing to check, or a file cannot be parsed.
 */
export function checkDependencyRules(root) {
  const packages = readPackages(root);
  /** @type {Violation[]} */
  const violations = [];
  let fileCount = 0;
  let importCount = 0;
  for (const owner of packages.values()) {
    for (const file of listSources(owner.src)) {
      fileCount++;
      const source = readFileSync(file, 'utf8');
      for (const site of readImports(file, source)) {
        importCount++;
        const rule = findBrokenRule(owner, file, site, packages);
        if (rule !== undefined) {
          const line = source.slice(0, site.offset).split('\n').length;
          violations.push({ file: relative(root, file), line, specifier: site.specifier ?? site.text, rule });
        }
      }
    }
  }
  if (fileCount === 0) {
    throw new Error(`no .ts or .tsx file under ${join(root, 'packages')}/*/src: run it on the root of the repository`);
  }
  return { fileCount, importCount, violations };
}

/** @param {string} root @returns {Map<string, Package>} By folder name. */
function readPackages(root) {
  const folder = join(root, 'packages');
  const packages = new Map();
  for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const manifestFile = join(folder, name, 'package.json');
    if (!existsSync(manifestFile)) continue;
    const rule = packageRules[name];
    if (rule === undefined) {
      throw new Error(`packages/${name} has no rules: say in tools/package-rules.mjs what it may import`);
    }
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
    packages.set(name, {
      name,
      src: join(folder, name, 'src'),
      rule,
      dependencies: new Set(
        Object.keys({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies }),
      ),
      exports: new Set(Object.keys(manifest.exports ?? {})),
    });
  }
  return packages;
}

/** @param {string} folder @returns {string[]} */
function listSources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name))
    .sort();
}

/**
 * Every place of a file that names another module.
 *
 * @param {string} file @param {string} source @returns {ImportSite[]}
 */
function readImports(file, source) {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  /** @type {ImportSite[]} */
  const sites = [];
  /** @param {import('oxc-parser').Expression | null | undefined} node */
  const add = (node) => {
    if (!node) return;
    const literal = node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined;
    const constant = node.type === 'TemplateLiteral' && node.expressions.length === 0 ? node.quasis[0] : undefined;
    sites.push({
      specifier: literal ?? constant?.value.cooked ?? undefined,
      text: source.slice(node.start, node.end),
      offset: node.start,
    });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: (node) => {
      const argument = node.arguments[0];
      if (node.callee.type === 'Identifier' && node.callee.name === 'require' && argument?.type !== 'SpreadElement') {
        add(argument);
      }
    },
  }).visit(program);
  return sites;
}

/**
 * @param {Package} owner @param {string} file @param {ImportSite} site @param {Map<string, Package>} packages
 * @returns {string | undefined} The sentence of the rule that the import breaks.
 */
function findBrokenRule(owner, file, site, packages) {
  if (site.specifier === undefined) {
    const path = relative(owner.src, file).replaceAll(sep, '/');
    if (owner.rule.computed?.includes(path)) return undefined;
    return 'an import names its module with a literal, or this check cannot follow it';
  }
  // Bundlers take a query (`./graph.ts?worker`); the file is what stands before it.
  const specifier = site.specifier.split('?')[0] ?? '';
  if (specifier.startsWith('.')) return findBrokenStageRule(owner, file, resolve(dirname(file), specifier));
  if (specifier.startsWith('#')) return 'sources import their own package by relative path, not through "#…"';
  if (specifier.startsWith('/') || specifier.includes('://')) return 'an import is relative or names a package';

  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (specifier.startsWith('node:') || nodeModules.has(name)) {
    return owner.rule.node ? undefined : `${owner.name} uses no Node module: it runs in the browser too`;
  }
  if (name.startsWith(packageScope)) {
    const target = name.slice(packageScope.length);
    if (!owner.rule.clew.includes(target)) {
      const allowed = owner.rule.clew.map((each) => packageScope + each).join(', ');
      return `${owner.name} may import ${allowed || 'no other package of Clew'}`;
    }
    const path = `.${specifier.slice(name.length)}`;
    const known = packages.get(target);
    if (known === undefined) return `cannot be resolved: there is no packages/${target}`;
    if (!known.exports.has(path)) return `only the public entries of ${name} may be imported, not its files`;
    return undefined;
  }
  if (owner.rule.npm !== 'declared' && !owner.rule.npm.includes(name)) {
    return `${owner.name} may import ${owner.rule.npm.join(', ') || 'nothing'} from npm`;
  }
  // Types of a package without its own may come from DefinitelyTyped alone.
  const typesOnly = `@types/${name.replace(/^@/, '').replace('/', '__')}`;
  if (!owner.dependencies.has(name) && !owner.dependencies.has(typesOnly)) {
    return `cannot be resolved: ${name} is not in packages/${owner.name}/package.json`;
  }
  return undefined;
}

/**
 * A stage imports itself, the stages listed for it, and files that stand in `src` itself; those files import no stage
 * unless they are composition roots or the front of that one stage, and no stage imports a composition root.
 *
 * @param {Package} owner @param {string} file @param {string} target @returns {string | undefined}
 */
function findBrokenStageRule(owner, file, target) {
  const home = dirname(owner.src);
  if (!target.startsWith(home + sep)) return `a relative import stays inside packages/${owner.name}`;
  if (!existsSync(target) || !statSync(target).isFile()) {
    return 'cannot be resolved: there is no such file (relative imports are written with their extension)';
  }
  if (!target.startsWith(owner.src + sep)) return undefined;
  const { stages, roots, fronts } = owner.rule;
  const from = readStage(owner, file);
  const to = readStage(owner, target);
  if (from.stage === undefined) {
    if (to.stage === undefined || roots.includes(from.name) || fronts?.[from.name] === to.stage) return undefined;
    return `only ${roots.join(', ')} of ${owner.name} see all stages; ${from.name} stands beside them and imports none`;
  }
  const allowed = stages[from.stage];
  if (allowed === undefined) {
    return `${from.stage} is no stage of ${owner.name} (${Object.keys(stages).join(', ')}): see tools/package-rules.mjs`;
  }
  if (to.stage === undefined) {
    return roots.includes(to.name) ? `${to.name} puts the stages together; no stage imports it` : undefined;
  }
  if (to.stage === from.stage || allowed.includes(to.stage)) return undefined;
  return `in ${owner.name}, stage ${from.stage} may import ${allowed.join(', ') || 'no other stage'}, not ${to.stage}`;
}

/** @param {Package} owner @param {string} file @returns {{ stage: string | undefined, name: string }} */
function readStage(owner, file) {
  const parts = relative(owner.src, file).split(sep);
  return { stage: parts.length > 1 ? parts[0] : undefined, name: parts.at(-1) ?? '' };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const { fileCount, importCount, violations } = checkDependencyRules(resolve(process.argv[2] ?? repositoryRoot));
    for (const { file, line, specifier, rule } of violations) {
      console.error(`${file}:${line} imports ${JSON.stringify(specifier)}: ${rule}`);
    }
    if (violations.length > 0) {
      console.error(`${violations.length} of ${importCount} imports in ${fileCount} files break a rule`);
      process.exitCode = 1;
    } else {
      console.log(`${importCount} imports in ${fileCount} files keep the rules`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
