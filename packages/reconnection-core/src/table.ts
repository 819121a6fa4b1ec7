/**
 * Every pair of state and input is decided here, for both ends of a session. The machines follow these tables; the tests throw
 * every pair at them and compare, and draw the diagrams of SPEC.md from them.
 *
 * Columns are inputs; `frameReceived` is split by frame, `tick` is time alone, `lateLinkEvent` is any input of another link
 * than the current one (I5).
 */

import { type Cell, go, ignore } from './cell.ts';

export type ClientStateKind = 'idle' | 'dialing' | 'greeting' | 'proving' | 'open' | 'draining' | 'waiting' | 'failed' | 'ended';
export type ClientColumn =
  | 'started'
  | 'linkOpened'
  | 'dialFailed'
  | 'linkClosed'
  | 'challenge'
  | 'welcome'
  | 'beatAck'
  | 'data'
  | 'reregister'
  | 'goaway'
  | 'rubbishReceived'
  | 'offered'
  | 'heldChanged'
  | 'registrationChanged'
  | 'credentialChanged'
  | 'reconnectAsked'
  | 'shutdownAsked'
  | 'stalled'
  | 'lateLinkEvent'
  | 'tick';

export type ServerStateKind = 'new' | 'linked' | 'suspect' | 'unlinked' | 'expired';
export type ServerColumn =
  | 'helloAccepted'
  | 'hello'
  | 'beat'
  | 'data'
  | 'goaway'
  | 'rubbishReceived'
  | 'linkClosed'
  | 'offered'
  | 'committed'
  | 'beatAnswered'
  | 'closeAsked'
  | 'stalled'
  | 'lateLinkEvent'
  | 'tick';

const noLink = 'no link is open, so the event is late (I5)';
const notStarted = 'nothing was started';
const over = 'the session is over';

/** The worker's end. */
export const CLIENT_TABLE: Readonly<Record<ClientStateKind, Readonly<Record<ClientColumn, Cell<ClientStateKind>>>>> = {
  idle: {
    started: go(['dialing'], 'dials at once, as attempt 1'),
    linkOpened: ignore('idle', noLink),
    dialFailed: ignore('idle', noLink),
    linkClosed: ignore('idle', noLink),
    challenge: ignore('idle', noLink),
    welcome: ignore('idle', noLink),
    beatAck: ignore('idle', noLink),
    data: ignore('idle', noLink),
    reregister: ignore('idle', noLink),
    goaway: ignore('idle', noLink),
    rubbishReceived: ignore('idle', noLink),
    offered: ignore('idle', 'without a session nothing is kept; it is offered again on `opened fresh` (I1)'),
    heldChanged: go(['idle'], 'remembered for the first beat'),
    registrationChanged: go(['idle'], 'remembered for hello'),
    credentialChanged: go(['idle'], 'the next hello names it'),
    reconnectAsked: ignore('idle', notStarted),
    shutdownAsked: go(['ended'], 'ends at once'),
    stalled: ignore('idle', 'no liveness deadline runs'),
    lateLinkEvent: ignore('idle', noLink),
    tick: ignore('idle', 'no deadline runs'),
  },
  dialing: {
    started: ignore('dialing', 'already started'),
    linkOpened: go(['greeting'], 'sends hello'),
    dialFailed: go(['waiting', 'failed'], 'waits with backoff; gives up when terminal or out of attempts'),
    linkClosed: go(['waiting', 'failed'], 'reacts to the close code'),
    challenge: ignore('dialing', 'the link is not open, so the frame is late'),
    welcome: ignore('dialing', 'the link is not open, so the frame is late'),
    beatAck: ignore('dialing', 'the link is not open, so the frame is late'),
    data: ignore('dialing', 'the link is not open, so the frame is late'),
    reregister: ignore('dialing', 'the link is not open, so the frame is late'),
    goaway: ignore('dialing', 'the link is not open, so the frame is late'),
    rubbishReceived: ignore('dialing', 'the link is not open, so the bytes are late'),
    offered: go(['dialing'], 'waits in its lane if there is a session to resume, else as in idle'),
    heldChanged: go(['dialing'], 'remembered for the first beat'),
    registrationChanged: go(['dialing'], 'remembered for hello'),
    credentialChanged: go(['dialing'], 'the next hello names it'),
    reconnectAsked: ignore('dialing', 'a dial is under way'),
    shutdownAsked: go(['ended'], 'aborts the dial and ends'),
    stalled: go(['dialing'], 'moves the deadline of the dial'),
    lateLinkEvent: ignore('dialing', 'another link (I5)'),
    tick: go(['dialing', 'waiting', 'failed'], 'past its deadline the dial is aborted'),
  },
  greeting: {
    started: ignore('greeting', 'already started'),
    linkOpened: ignore('greeting', 'the link is open already'),
    dialFailed: ignore('greeting', 'the link is open already'),
    linkClosed: go(['waiting', 'failed'], 'reacts to the close code'),
    challenge: go(
      ['proving', 'failed'],
      'sends the proof; a version that was not offered, or frames that are not sealed as required, are 4426',
    ),
    welcome: go(['waiting', 'failed'], 'a frame before challenge: 4400'),
    beatAck: go(['waiting', 'failed'], 'a frame before challenge: 4400'),
    data: go(['waiting', 'failed'], 'a frame before challenge: 4400'),
    reregister: go(['waiting', 'failed'], 'a frame before challenge: 4400'),
    goaway: go(['greeting'], 'remembers when to call again'),
    rubbishReceived: go(['waiting', 'failed'], '4400'),
    offered: go(['greeting'], 'as in dialing'),
    heldChanged: go(['greeting'], 'remembered for the first beat'),
    registrationChanged: go(['greeting'], 'remembered for the next hello'),
    credentialChanged: go(['greeting'], 'the next hello names it'),
    reconnectAsked: ignore('greeting', 'a dial is under way'),
    shutdownAsked: go(['ended'], 'closes the link and ends'),
    stalled: go(['greeting'], 'moves the deadline of welcome'),
    lateLinkEvent: ignore('greeting', 'another link (I5)'),
    tick: go(['greeting', 'waiting', 'failed'], 'past its deadline the link is closed with 4408'),
  },
  proving: {
    started: ignore('proving', 'already started'),
    linkOpened: ignore('proving', 'the link is open already'),
    dialFailed: ignore('proving', 'the link is open already'),
    linkClosed: go(['waiting', 'failed'], 'reacts to the close code'),
    challenge: go(['waiting', 'failed'], 'a second challenge: 4400'),
    welcome: go(
      ['open', 'waiting', 'failed'],
      'checks the proof, then resumes or begins a new session; a welcome that cannot be true is 4400',
    ),
    beatAck: go(['waiting', 'failed'], 'a frame before welcome: 4400'),
    data: go(['waiting', 'failed'], 'a frame before welcome: 4400'),
    reregister: go(['waiting', 'failed'], 'a frame before welcome: 4400'),
    goaway: go(['proving'], 'remembers when to call again'),
    rubbishReceived: go(['waiting', 'failed'], '4400'),
    offered: go(['proving'], 'as in dialing'),
    heldChanged: go(['proving'], 'remembered for the first beat'),
    registrationChanged: go(['proving'], 'remembered for the next hello'),
    credentialChanged: go(['proving'], 'the next hello names it'),
    reconnectAsked: ignore('proving', 'a dial is under way'),
    shutdownAsked: go(['ended'], 'closes the link and ends'),
    stalled: go(['proving'], 'moves the deadline of welcome'),
    lateLinkEvent: ignore('proving', 'another link (I5)'),
    tick: go(['proving', 'waiting', 'failed'], 'past its deadline the link is closed with 4408'),
  },
  open: {
    started: ignore('open', 'already started'),
    linkOpened: ignore('open', 'the link is open already'),
    dialFailed: ignore('open', 'the link is open already'),
    linkClosed: go(['waiting', 'failed'], 'reacts to the close code; the session is kept unless the code says otherwise'),
    challenge: go(['waiting', 'failed'], 'a second challenge: 4400'),
    welcome: go(['waiting', 'failed'], 'a second welcome: 4400'),
    beatAck: go(['open', 'waiting', 'failed'], 'renews leases and measures the round trip; acks that cannot be true are 4400'),
    data: go(['open', 'waiting', 'failed'], 'delivers what is new, in order; a gap is 4400'),
    reregister: go(['waiting', 'failed'], 'closes with 4410 and asks for no resume'),
    goaway: go(['open'], 'remembers when to call again; the close code follows'),
    rubbishReceived: go(['waiting', 'failed'], '4400'),
    offered: go(['open'], 'waits in its lane until the tick of this turn'),
    heldChanged: go(['open'], 'the next beat says so; credit after none makes a beat due'),
    registrationChanged: go(['open'], 'remembered for the next hello'),
    credentialChanged: go(['open'], 'the next hello names it'),
    reconnectAsked: go(['dialing'], 'closes the link and dials at once'),
    shutdownAsked: go(['draining', 'ended'], 'sends what waits, then closes'),
    stalled: go(['open'], 'moves the deadline of the missing beatAck'),
    lateLinkEvent: ignore('open', 'another link (I5)'),
    tick: go(['open', 'waiting', 'failed'], 'sends frames and beats; silence closes the link'),
  },
  draining: {
    started: ignore('draining', 'already started'),
    linkOpened: ignore('draining', 'the link is open already'),
    dialFailed: ignore('draining', 'the link is open already'),
    linkClosed: go(['ended'], 'ends; what was not received stays with the application'),
    challenge: go(['ended'], 'a second challenge: 4400'),
    welcome: go(['ended'], 'a second welcome: 4400'),
    beatAck: go(['draining', 'ended'], 'takes its acks; ends when all is received'),
    data: go(['draining', 'ended'], 'delivers; ends when all is received'),
    reregister: go(['ended'], 'closes with 4410'),
    goaway: ignore('draining', 'no further call is planned'),
    rubbishReceived: go(['ended'], '4400'),
    offered: go(['draining'], 'still leaves'),
    heldChanged: ignore('draining', 'no beat is sent any more'),
    registrationChanged: ignore('draining', 'no hello is sent any more'),
    credentialChanged: ignore('draining', 'no hello is sent any more'),
    reconnectAsked: ignore('draining', 'shutdown was asked'),
    shutdownAsked: ignore('draining', 'shutdown was asked'),
    stalled: go(['draining'], 'moves the deadline of the drain'),
    lateLinkEvent: ignore('draining', 'another link (I5)'),
    tick: go(['draining', 'ended'], 'sends frames; ends when all is received, or at its deadline'),
  },
  waiting: {
    started: ignore('waiting', 'already started'),
    linkOpened: ignore('waiting', noLink),
    dialFailed: ignore('waiting', noLink),
    linkClosed: ignore('waiting', noLink),
    challenge: ignore('waiting', noLink),
    welcome: ignore('waiting', noLink),
    beatAck: ignore('waiting', noLink),
    data: ignore('waiting', noLink),
    reregister: ignore('waiting', noLink),
    goaway: ignore('waiting', noLink),
    rubbishReceived: ignore('waiting', noLink),
    offered: go(['waiting'], 'as in dialing'),
    heldChanged: go(['waiting'], 'remembered for the first beat and the next wait'),
    registrationChanged: go(['waiting'], 'remembered for hello'),
    credentialChanged: go(['waiting'], 'the next hello names it'),
    reconnectAsked: go(['dialing'], 'dials at once and forgets the failures'),
    shutdownAsked: go(['ended'], 'ends at once'),
    stalled: ignore('waiting', 'backoff is no liveness deadline'),
    lateLinkEvent: ignore('waiting', 'another link (I5)'),
    tick: go(['waiting', 'dialing'], 'dials when the wait is over'),
  },
  failed: {
    started: ignore('failed', 'gave up; only `reconnectAsked` begins again'),
    linkOpened: ignore('failed', noLink),
    dialFailed: ignore('failed', noLink),
    linkClosed: ignore('failed', noLink),
    challenge: ignore('failed', noLink),
    welcome: ignore('failed', noLink),
    beatAck: ignore('failed', noLink),
    data: ignore('failed', noLink),
    reregister: ignore('failed', noLink),
    goaway: ignore('failed', noLink),
    rubbishReceived: ignore('failed', noLink),
    offered: ignore('failed', 'without a session nothing is kept (I1)'),
    heldChanged: go(['failed'], 'remembered'),
    registrationChanged: go(['failed'], 'remembered for hello'),
    credentialChanged: go(['failed'], 'the next hello names it'),
    reconnectAsked: go(['dialing'], 'dials at once and forgets the failures'),
    shutdownAsked: go(['ended'], 'ends at once'),
    stalled: ignore('failed', 'no liveness deadline runs'),
    lateLinkEvent: ignore('failed', 'another link (I5)'),
    tick: ignore('failed', 'no deadline runs'),
  },
  ended: {
    started: ignore('ended', over),
    linkOpened: ignore('ended', over),
    dialFailed: ignore('ended', over),
    linkClosed: ignore('ended', over),
    challenge: ignore('ended', over),
    welcome: ignore('ended', over),
    beatAck: ignore('ended', over),
    data: ignore('ended', over),
    reregister: ignore('ended', over),
    goaway: ignore('ended', over),
    rubbishReceived: ignore('ended', over),
    offered: ignore('ended', over),
    heldChanged: ignore('ended', over),
    registrationChanged: ignore('ended', over),
    credentialChanged: ignore('ended', over),
    reconnectAsked: ignore('ended', over),
    shutdownAsked: ignore('ended', over),
    stalled: ignore('ended', over),
    lateLinkEvent: ignore('ended', over),
    tick: ignore('ended', over),
  },
};

const noSession = 'there is no session';

/** The coordinator's end. */
export const SERVER_TABLE: Readonly<Record<ServerStateKind, Readonly<Record<ServerColumn, Cell<ServerStateKind>>>>> = {
  new: {
    helloAccepted: go(['linked', 'new'], 'begins a session; no common version closes the link with 4426'),
    hello: ignore('new', noSession),
    beat: go(['new'], 'answers `reregister` and closes with 4410'),
    data: ignore('new', noSession),
    goaway: ignore('new', noSession),
    rubbishReceived: ignore('new', noSession),
    linkClosed: ignore('new', noSession),
    offered: ignore('new', 'without a session nothing is kept; it is offered again after `opened fresh` (I1)'),
    committed: ignore('new', noSession),
    beatAnswered: ignore('new', noSession),
    closeAsked: go(['expired'], 'ends'),
    stalled: ignore('new', 'no liveness deadline runs'),
    lateLinkEvent: ignore('new', noSession),
    tick: ignore('new', 'no deadline runs'),
  },
  linked: {
    helloAccepted: go(
      ['linked'],
      'the newer link wins: the older one is closed with 1013, of another incarnation with 4409; resumes or begins a new session',
    ),
    hello: go(['unlinked'], 'a second hello or proof: 4400'),
    beat: go(['linked', 'unlinked'], 'is handed over; acks that cannot be true are 4400'),
    data: go(['linked', 'unlinked'], 'delivers what is new, in order; a gap is 4400'),
    goaway: go(['linked'], 'is a sign of life; `linkClosed` follows'),
    rubbishReceived: go(['unlinked'], '4400'),
    linkClosed: go(['unlinked'], 'waits for a resume'),
    offered: go(['linked'], 'waits in its lane until the tick of this turn'),
    committed: go(['linked'], 'moves the committed prefix; its ack leaves in the next tick'),
    beatAnswered: go(['linked'], 'sends beatAck'),
    closeAsked: go(['expired'], 'sends what waits, goaway and the close code'),
    stalled: go(['linked'], 'moves the deadline of suspicion'),
    lateLinkEvent: ignore('linked', 'another link (I5)'),
    tick: go(['linked', 'suspect'], 'sends frames; silence makes it suspect'),
  },
  suspect: {
    helloAccepted: go(['linked', 'suspect'], 'as in linked'),
    hello: go(['unlinked'], 'a second hello or proof: 4400'),
    beat: go(['linked', 'unlinked'], 'alive again; then as in linked'),
    data: go(['linked', 'unlinked'], 'alive again; then as in linked'),
    goaway: go(['linked'], 'alive again'),
    rubbishReceived: go(['unlinked'], '4400'),
    linkClosed: go(['unlinked'], 'waits for a resume'),
    offered: go(['suspect'], 'waits in its lane until the tick of this turn'),
    committed: go(['suspect'], 'as in linked'),
    beatAnswered: go(['suspect'], 'sends beatAck'),
    closeAsked: go(['expired'], 'as in linked'),
    stalled: go(['suspect'], 'moves the deadline of the silent link'),
    lateLinkEvent: ignore('suspect', 'another link (I5)'),
    tick: go(['suspect', 'unlinked'], 'sends frames; more silence closes the link'),
  },
  unlinked: {
    helloAccepted: go(['linked', 'unlinked'], 'resumes or begins a new session; a token that is not the one is 4410'),
    hello: ignore('unlinked', noLink),
    beat: ignore('unlinked', noLink),
    data: ignore('unlinked', noLink),
    goaway: ignore('unlinked', noLink),
    rubbishReceived: ignore('unlinked', noLink),
    linkClosed: ignore('unlinked', noLink),
    offered: go(['unlinked'], 'waits in its lane for a resume; kept only while one is possible'),
    committed: go(['unlinked'], 'moves the committed prefix'),
    beatAnswered: ignore('unlinked', noLink),
    closeAsked: go(['expired'], 'ends'),
    stalled: ignore('unlinked', 'the resume window is counted by time alone'),
    lateLinkEvent: ignore('unlinked', 'another link (I5)'),
    tick: go(['unlinked', 'expired'], 'forgets the session after the resume window'),
  },
  expired: {
    helloAccepted: go(['linked', 'expired'], 'begins a new session'),
    hello: ignore('expired', over),
    beat: go(['expired'], 'answers `reregister` and closes with 4410'),
    data: ignore('expired', over),
    goaway: ignore('expired', over),
    rubbishReceived: ignore('expired', over),
    linkClosed: ignore('expired', over),
    offered: ignore('expired', 'without a session nothing is kept (I1)'),
    committed: ignore('expired', over),
    beatAnswered: ignore('expired', over),
    closeAsked: ignore('expired', over),
    stalled: ignore('expired', over),
    lateLinkEvent: ignore('expired', 'another link (I5)'),
    tick: ignore('expired', over),
  },
};
