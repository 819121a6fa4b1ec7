export {
  acceptLinks,
  attachLink,
  type AttachHandlers,
  type AttachOptions,
  isExposedSocket,
  type LinkAcceptor,
  refuseLink,
} from './attach-link.ts';
export { dialLink, type DialHandlers, type DialOptions, isExposed } from './dial-link.ts';
export type { Link, LinkHandlers } from './link.ts';
