// Guard: Pulumi loads this file with whatever Node it finds; the program itself needs one that runs TypeScript.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  throw new Error(
    `this program runs on Node.js 24 or newer, and Pulumi found ${process.version}: run it as  npx -c 'pulumi up -s <env>'  which puts the pinned Node first`,
  );
}
export const outputs = (await import('./index.ts')).outputs;
