export { acceptLinks, attachLink, type AttachOptions, bearerToken, type LinkAcceptor, refuseLink } from './attach-link.ts';
export { dialLink, type DialHandlers, type DialOptions } from './dial-link.ts';
export type { Link, LinkHandlers } from './link.ts';
