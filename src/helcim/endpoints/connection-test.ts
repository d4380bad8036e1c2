import type { EndpointCall } from '../endpoint.ts'

/**
 * `GET /connection-test`: whether the token is known. The status alone tells; the words of a success differ between
 * Helcim's guide and what was recorded (API.md §1).
 */
export const connectionTest = (): EndpointCall => ({
  method: 'GET',
  name: 'GET /connection-test',
  path: '/connection-test',
  query: {},
  isEmptyWhen204: false,
})
