import type { Config } from '../config.ts'
import { type Clock, createSimulatedClock, createSystemClock } from '../domain/clock.ts'

/** The time that a command goes by: the system's, or the simulated one of TIEOUT_CLOCK. */
export const clockOf = ({ clock }: Config): Clock =>
  clock === null ? createSystemClock() : createSimulatedClock(clock.startsAt, clock.rate)
