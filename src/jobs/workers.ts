/** Jobs of the usual queue that run at once. */
export const WORKERS = 5
/** Of the queue that settles. They never wait behind the others, whatever those are at. */
export const SETTLE_WORKERS = 2
