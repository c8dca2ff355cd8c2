// A process that only starts, and prints a number as the others do: node nothing.mjs
process.stdout.write("0", () => process.exit());
