/**
 * A module that sets `TIEOUT_CLOCK` to the time that it is when the variable is read: processes that start at different
 * times then agree about it, as machines do.
 * @param clock `beganAt` is the machine's time in milliseconds, with fractions, at which it was `startsAt`
 * @returns what `node --import` takes
 */
export function sharedClock({ startsAt, rate, beganAt }: { startsAt: number; rate: number; beganAt: number }): string {
  const code = `const now = () => ${startsAt} + (performance.timeOrigin + performance.now() - ${beganAt}) * ${rate};
process.env.TIEOUT_CLOCK = '';
process.env = new Proxy(process.env, { get: (env, key) =>
  key === 'TIEOUT_CLOCK' ? new Date(now()).toISOString() + '@${rate}' : env[key] });`
  return `data:text/javascript,${encodeURIComponent(code)}`
}
