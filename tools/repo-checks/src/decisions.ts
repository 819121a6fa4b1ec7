/** Architecture decision records are numbered without gaps and have the parts that a reader looks for. */
import type { Check, Finding } from './workspace.ts';

export const decisions: Check = (workspace) => {
  const findings: Finding[] = [];
  const paths = [...workspace.files.keys()].filter(
    (path) => path.startsWith('docs/adr/') && path.endsWith('.md') && !path.endsWith('README.md'),
  );
  paths.forEach((path, index) => {
    const report = (message: string): void => void findings.push({ check: 'decisions', path, message });
    const [, number] = /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/.exec(path) ?? [];
    if (number === undefined) return report('the name must be NNNN-title-in-kebab-case.md');
    if (Number(number) !== index + 1) report(`the number must be ${String(index + 1).padStart(4, '0')}: one each, without gaps`);
    const text = workspace.files.get(path) ?? '';
    if (!text.startsWith(`# ${number} `)) report(`the first line must be "# ${number} Title"`);
    for (const part of PARTS) if (!part.pattern.test(text)) report(`${part.name} is missing`);
  });
  return findings;
};

const PARTS = [
  { name: 'the date', pattern: /^.*\bdate\b.*\d{4}-\d{2}-\d{2}/im },
  { name: 'the status', pattern: /^.*\bstatus\b.*(?:proposed|accepted|superseded|rejected)/im },
  { name: 'the context', pattern: /^#+ context/im },
  { name: 'the decision', pattern: /^#+ decision/im },
  { name: 'what else was possible', pattern: /^#+ alternatives/im },
  { name: 'the consequences', pattern: /^#+ consequences/im },
];
