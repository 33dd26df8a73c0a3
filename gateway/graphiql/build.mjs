// Builds the page into the gateway's package; the result is committed, so that nobody who runs the gateway needs Node.
import { build } from "esbuild";
import { readFile, readdir, writeFile, mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../gateway/serving/static");

// GraphiQL's style sheet carries 380 kB of fonts as data; the system's own fonts do (and show Chinese).
const withoutFonts = {
  name: "without-fonts",
  setup(builder) {
    builder.onLoad({ filter: /graphiql[/\\]dist[/\\]style\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/@font-face\s*\{[^}]*\}/g, ""),
      loader: "css",
    }));
  },
};

await mkdir(target, { recursive: true });
const result = await build({
  entryPoints: { graphiql: join(here, "source/main.tsx") },
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  legalComments: "none",
  metafile: true,
  plugins: [withoutFonts],
});
await writeFile(join(target, "graphiql.licences.txt"), await licences(Object.keys(result.metafile.inputs)));
for (const [path, { bytes }] of Object.entries(result.metafile.outputs)) console.log(`${bytes} ${path}`);

/** One text with the licence of every package whose code went into the bundle. */
async function licences(inputs) {
  const packages = new Set(
    inputs.map((path) => path.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]).filter(Boolean),
  );
  const parts = [];
  for (const folder of [...packages].sort()) {
    const { name, version, license, author } = JSON.parse(
      await readFile(join(folder, "package.json"), "utf8"),
    );
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file
      ? await readFile(join(folder, file), "utf8")
      : `Licensed under ${license}${author ? ` by ${author.name ?? author}` : ""}.`;
    parts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}
