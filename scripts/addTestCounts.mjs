/**
 * Adds up vitest's JSON reports and prints each failed test with its error, then one line, `N passed, N failed`. A report that is missing, a file that could
 * not be run and a run without a test count as a failure: silence is not success. Plain JavaScript, for any Node.
 *
 *     node scripts/addTestCounts.mjs fast.json slow.json
 */
import { readFileSync } from "node:fs";

let passed = 0;
let failed = 0;
for (const path of process.argv.slice(2)) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.error(`no report: ${error.message}`);
    failed += 1;
    continue;
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  // A file that throws while it is loaded has no tests in the report, but is marked as failed.
  const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  failed += broken.length;
  for (const { name, message } of broken) console.log(`FAILED: ${name}\n${message}`);
  for (const { fullName, status, failureMessages } of report.testResults.flatMap((file) => file.assertionResults)) {
    if (status === "failed") console.log(`FAILED: ${fullName}\n${failureMessages.join("\n")}`);
  }
  if (report.numTotalTests === 0 && broken.length === 0) failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
