/** A candidate pair; both ends are places in sorted lists. */
export interface Edge {
  readonly left: number
  readonly right: number
  /** The lower the better; at most 10^10. */
  readonly cost: number
}

/** Leaving one unassigned costs more than any pair does, so that as many as possible are assigned. */
const UNASSIGNED_COST = 1e12
const FORBIDDEN_COST = 1e13

/**
 * Assigns as many left ends as possible to right ends, each at most once, at the least total cost. Each connected part is
 * solved by itself, and the result depends on the places of the ends and the costs only.
 * @returns the right end of each assigned left end
 */
export function assign(edges: readonly Edge[]): Map<number, number> {
  const assigned = new Map<number, number>()
  for (const part of partsOf(edges)) {
    const lefts = [...new Set(part.map(({ left }) => left))].sort((a, b) => a - b)
    const rights = [...new Set(part.map(({ right }) => right))].sort((a, b) => a - b)
    const costs = new Map(part.map(({ left, right, cost }) => [`${left} ${right}`, cost]))
    const matrix = lefts.map((left) => [
      ...rights.map((right) => costs.get(`${left} ${right}`) ?? FORBIDDEN_COST),
      ...lefts.map(() => UNASSIGNED_COST),
    ])
    for (const [row, column] of solve(matrix).entries()) {
      const left = lefts[row]
      const right = rights[column]
      if (left !== undefined && right !== undefined) assigned.set(left, right)
    }
  }
  return assigned
}

/** Edges that hang together. */
function partsOf(edges: readonly Edge[]): Edge[][] {
  const parentOf = new Map<string, string>()
  const rootOf = (node: string): string => {
    let root = node
    for (let parent = parentOf.get(root); parent !== undefined && parent !== root; parent = parentOf.get(root))
      root = parent
    return root
  }
  for (const { left, right } of edges) {
    const leftRoot = rootOf(`l${left}`)
    const rightRoot = rootOf(`r${right}`)
    parentOf.set(leftRoot, leftRoot)
    parentOf.set(rightRoot, leftRoot)
  }
  const parts = new Map<string, Edge[]>()
  for (const edge of edges) {
    const root = rootOf(`l${edge.left}`)
    const part = parts.get(root)
    if (part) part.push(edge)
    else parts.set(root, [edge])
  }
  return [...parts.values()]
}

/**
 * The Hungarian method with potentials (Kuhn and Munkres), for a matrix with at least as many columns as rows.
 * @returns for each row its column
 */
function solve(matrix: readonly (readonly number[])[]): number[] {
  const countRows = matrix.length
  const countColumns = matrix[0]?.length ?? 0
  const rowPotential = new Array<number>(countRows + 1).fill(0)
  const columnPotential = new Array<number>(countColumns + 1).fill(0)
  /** Row (from 1) of each column (from 1); 0: free. */
  const rowOf = new Array<number>(countColumns + 1).fill(0)
  const cameFrom = new Array<number>(countColumns + 1).fill(0)
  const at = (list: readonly number[], index: number): number => list[index] ?? 0
  for (let row = 1; row <= countRows; row += 1) {
    rowOf[0] = row
    let column = 0
    const slack = new Array<number>(countColumns + 1).fill(Number.POSITIVE_INFINITY)
    const isUsed = new Array<boolean>(countColumns + 1).fill(false)
    do {
      isUsed[column] = true
      const current = at(rowOf, column)
      let delta = Number.POSITIVE_INFINITY
      let next = 0
      for (let other = 1; other <= countColumns; other += 1) {
        if (isUsed[other]) continue
        const reduced =
          (matrix[current - 1]?.[other - 1] ?? FORBIDDEN_COST) - at(rowPotential, current) - at(columnPotential, other)
        if (reduced < at(slack, other)) {
          slack[other] = reduced
          cameFrom[other] = column
        }
        if (at(slack, other) < delta) {
          delta = at(slack, other)
          next = other
        }
      }
      for (let other = 0; other <= countColumns; other += 1) {
        if (isUsed[other]) {
          rowPotential[at(rowOf, other)] = at(rowPotential, at(rowOf, other)) + delta
          columnPotential[other] = at(columnPotential, other) - delta
        } else slack[other] = at(slack, other) - delta
      }
      column = next
    } while (at(rowOf, column) !== 0)
    while (column !== 0) {
      const previous = at(cameFrom, column)
      rowOf[column] = at(rowOf, previous)
      column = previous
    }
  }
  const columnOfRow = new Array<number>(countRows).fill(-1)
  for (let column = 1; column <= countColumns; column += 1) {
    const row = at(rowOf, column)
    if (row > 0) columnOfRow[row - 1] = column - 1
  }
  return columnOfRow
}
