/** Reads the reports that `make test` left in a folder and prints how many tests passed and failed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const folder = process.argv[2] ?? 'reports';
const total: Count = { passed: 0, failed: 0, skipped: 0 };

for (const file of readdirSync(folder).filter((name) => name.endsWith('.status'))) {
  const part = file.slice(0, -'.status'.length);
  const count = countTests(part, readFileSync(join(folder, file), 'utf8').trim() === '0');
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
  if (count.failed > 0) console.log(`failed: ${part}`);
}

console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** A static check is one test. A runner that ended badly without naming a failed test has one all the same. */
function countTests(part: string, succeeded: boolean): Count {
  const count = readReport(part) ?? { passed: succeeded ? 1 : 0, failed: 0, skipped: 0 };
  return succeeded || count.failed > 0 ? count : { ...count, failed: 1 };
}

function readReport(part: string): Count | undefined {
  const vitest = join(folder, `${part}.json`);
  if (existsSync(vitest)) {
    const report = JSON.parse(readFileSync(vitest, 'utf8'));
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  }
  const junit = join(folder, `${part}.xml`);
  if (existsSync(junit)) {
    const suites = [...readFileSync(junit, 'utf8').matchAll(/<testsuite [^>]*>/g)];
    const sum = (name: string) =>
      suites.reduce((n, [tag]) => n + Number(tag.match(` ${name}="(\\d+)"`)?.[1] ?? 0), 0);
    const failed = sum('failures') + sum('errors');
    const skipped = sum('skipped');
    return { passed: sum('tests') - failed - skipped, failed, skipped };
  }
  return undefined;
}
