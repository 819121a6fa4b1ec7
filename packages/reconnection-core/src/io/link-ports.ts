/** How the faces reach the world: real WebSockets by default, anything that carries text otherwise. */
import type { DialHandlers, DialOptions } from './dial-link.ts';
import { dialLink, isExposed } from './dial-link.ts';
import type { Link } from './link.ts';

/** Opens links. */
export interface Dialer {
  dial(options: DialOptions, handlers: DialHandlers): Link;
  /** Whether nothing but a seal protects what crosses this URL. */
  isExposed(url: string): boolean;
}

/** Over WebSockets. */
export const webSocketDialer: Dialer = { dial: dialLink, isExposed };
