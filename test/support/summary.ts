/** Prints how many tests passed and failed, from the reports that `make test` wrote to a folder. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

const folder = process.argv[2] ?? 'reports';
const total: TestCounts = { passed: 0, failed: 0, skipped: 0 };

for (const file of readdirSync(folder).filter((name) => name.endsWith('.status'))) {
  const name = file.slice(0, -'.status'.length);
  const counts = countTests(name, readFileSync(join(folder, file), 'utf8').trim() === '0');
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  if (counts.failed > 0) console.log(`failed: ${name}`);
}

console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/**
 * A static check counts as one test. So does a test runner that failed without reporting a failed
 * test.
 */
function countTests(name: string, succeeded: boolean): TestCounts {
  const counts = readVitest(`${name}.json`) ??
    readJunit(`${name}.xml`) ?? { passed: succeeded ? 1 : 0, failed: 0, skipped: 0 };
  return succeeded || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

function readVitest(file: string): TestCounts | undefined {
  const path = join(folder, file);
  if (!existsSync(path)) return undefined;
  const report = JSON.parse(readFileSync(path, 'utf8'));
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function readJunit(file: string): TestCounts | undefined {
  const path = join(folder, file);
  if (!existsSync(path)) return undefined;
  const suites = [...readFileSync(path, 'utf8').matchAll(/<testsuite [^>]*>/g)];
  const sum = (name: string) =>
    suites.reduce((n, [tag]) => n + Number(tag.match(` ${name}="(\\d+)"`)?.[1] ?? 0), 0);
  const failed = sum('failures') + sum('errors');
  const skipped = sum('skipped');
  return { passed: sum('tests') - failed - skipped, failed, skipped };
}
