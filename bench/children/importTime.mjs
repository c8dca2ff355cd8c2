// A process that imports one module and prints the milliseconds that it took: node importTime.mjs <file URL>
const start = performance.now();
await import(process.argv[2]);
const took = performance.now() - start;
process.stdout.write(JSON.stringify(took), () => process.exit());
