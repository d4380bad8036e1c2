import type { Instant } from '../../domain/clock.ts'

export interface TimelineEvent {
  readonly at: Instant
  run(): void
}

/** Things yet to happen. They come out by instant, and within one instant in the order in which they were put in. */
export interface Timeline {
  schedule(at: Instant, run: () => void): void
  /** Takes the earliest event out, if it is due at `until` or before. */
  takeDue(until: Instant): TimelineEvent | undefined
}

interface Node extends TimelineEvent {
  readonly place: number
}

/** A binary heap: the smallest is at the top, children of `i` are at `2i + 1` and `2i + 2`. */
export function createTimeline(): Timeline {
  const heap: Node[] = []
  let placeNext = 0
  const isBefore = (a: Node | undefined, b: Node | undefined) =>
    a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.place < b.place))
  const swap = (i: number, j: number) => {
    const a = heap[i]
    const b = heap[j]
    if (!a || !b) throw new Error('outside the heap')
    heap[i] = b
    heap[j] = a
  }
  return {
    schedule(at, run) {
      heap.push({ at, run, place: placeNext })
      placeNext += 1
      let child = heap.length - 1
      while (child > 0) {
        const parent = (child - 1) >> 1
        if (!isBefore(heap[child], heap[parent])) break
        swap(child, parent)
        child = parent
      }
    },
    takeDue(until) {
      const top = heap[0]
      if (!top || top.at > until) return undefined
      const last = heap.pop()
      if (heap.length === 0 || !last) return top
      heap[0] = last
      let parent = 0
      for (;;) {
        const left = 2 * parent + 1
        const smaller = isBefore(heap[left + 1], heap[left]) ? left + 1 : left
        if (!isBefore(heap[smaller], heap[parent])) return top
        swap(smaller, parent)
        parent = smaller
      }
    },
  }
}
