/**
 * True in `npm run soak`: whole enumerations, simulated days, and paces. A pace is held only where nothing else runs, so
 * the usual run asks for what may never happen and leaves to this one how fast the rest does.
 */
export const isLong = process.env.TIEOUT_LONG === '1'
