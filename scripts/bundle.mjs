/** The bundler of the build. Plain JavaScript, as it runs while the package is installed, on whatever Node there is. */
import { build } from "rolldown";

/**
 * rolldown's `build`, which fails at a warning: of a module that is not found rolldown only warns, and writes a bundle that no
 * browser can load.
 */
export async function bundle(options) {
  const warnings = [];
  await build({ ...options, onwarn: ({ message }) => warnings.push(message) });
  if (warnings.length > 0) throw new Error(warnings.join("\n"));
}
