export { openTestPostgres, type TestPostgres } from './server.ts';
