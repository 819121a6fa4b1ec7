/** All checks by name, and what they find together. */
import { banned } from './banned.ts';
import { codes } from './codes.ts';
import { decisions } from './decisions.ts';
import { layers } from './layers.ts';
import { limits } from './limits.ts';
import { links } from './links.ts';
import { manifests } from './manifests.ts';
import { purity } from './purity.ts';
import { references } from './references.ts';
import { surface } from './surface.ts';
import type { Check, Finding, Workspace } from './workspace.ts';

export const CHECKS: Readonly<Record<string, Check>> = {
  banned,
  codes,
  decisions,
  layers,
  limits,
  links,
  manifests,
  purity,
  references,
  surface,
};

/** What all checks find, by check and path. */
export function findingsOf(workspace: Workspace): readonly Finding[] {
  return Object.values(CHECKS).flatMap((check) => check(workspace));
}
