/** Every pair of state and input of the coordinator's gate; see `table.ts`. */
import { type Cell, go, ignore } from './cell.ts';
import type { GateStateKind } from './gate.ts';

export type GateColumn = 'hello' | 'proof' | 'otherFrame' | 'rubbishReceived' | 'tick';

const decided = 'the link is decided';

/** The coordinator's door. */
export const GATE_TABLE: Readonly<Record<GateStateKind, Readonly<Record<GateColumn, Cell<GateStateKind>>>>> = {
  fresh: {
    hello: go(
      ['challenged', 'closed'],
      'draws a nonce and challenges; no common version, nothing to prove, or a strange requirement: 4426',
    ),
    proof: go(['closed'], 'a proof before hello: 4401'),
    otherFrame: go(['closed'], 'a frame before hello: 4401'),
    rubbishReceived: go(['closed'], '4400'),
    tick: go(['fresh', 'closed'], 'past its deadline: 4408'),
  },
  challenged: {
    hello: go(['closed'], 'a second hello: 4400'),
    proof: go(['passed', 'closed'], 'right: seals the link if that was chosen, and lets it pass; wrong: 4401'),
    otherFrame: go(['closed'], 'a frame before the proof: 4400'),
    rubbishReceived: go(['closed'], '4400'),
    tick: go(['challenged', 'closed'], 'past its deadline: 4408'),
  },
  passed: {
    hello: ignore('passed', decided),
    proof: ignore('passed', decided),
    otherFrame: ignore('passed', decided),
    rubbishReceived: ignore('passed', decided),
    tick: ignore('passed', decided),
  },
  closed: {
    hello: ignore('closed', decided),
    proof: ignore('closed', decided),
    otherFrame: ignore('closed', decided),
    rubbishReceived: ignore('closed', decided),
    tick: ignore('closed', decided),
  },
};
