import { readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { createAccountMetrics } from '../../src/http/account-metrics.ts'
import { createProcessMetrics } from '../../src/http/process-metrics.ts'

const read = (name: string) => readFileSync(new URL(`../../deploy/monitoring/${name}`, import.meta.url), 'utf8')
const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')

/** Every metric with its labels, as the daemon registers them. */
function listMetrics(): Map<string, readonly string[]> {
  const registry = new Registry()
  createAccountMetrics(registry)
  const own = createProcessMetrics(registry, {
    build: { version: '0', node: '0', database: 'embedded', queue: 'postgres' },
    tallyJobs: () => [],
    worker: () => ({ isWorking: true, countRunning: 0, silenceMs: null }),
  })
  own.close()
  return new Map(
    registry.getMetricsAsArray().map((metric) => {
      const { name, labelNames } = metric as unknown as { name: string; labelNames: readonly string[] }
      return [name, labelNames]
    }),
  )
}

const metrics = listMetrics()
/** Labels that Prometheus adds to whatever it scrapes. */
const SCRAPED_LABELS = ['instance', 'job']

/** How Grafana writes the variable. */
const DATASOURCE = ['$', '{datasource}'].join('')

/** What is wrong with the metrics and labels that a PromQL expression names. */
function objectionsTo(expression: string): string[] {
  const names = [...new Set(expression.match(/\btieout_\w+/g) ?? [])]
  if (names.length === 0) return [`${expression}: names no metric of ours`]
  const unknown = names.filter((name) => !metrics.has(name))
  const known = new Set([...names.flatMap((name) => metrics.get(name) ?? []), ...SCRAPED_LABELS])
  const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/))
  const matched = [...expression.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label)
  const depth = [...expression].reduce((sum, char) => sum + (char === '(' ? 1 : char === ')' ? -1 : 0), 0)
  return [
    ...unknown.map((name) => `${expression}: there is no ${name}`),
    ...[...grouped, ...matched].filter((label) => !known.has(label)).map((label) => `${expression}: no label ${label}`),
    ...(depth === 0 ? [] : [`${expression}: its brackets do not close`]),
  ]
}

interface Rule {
  readonly alert: string
  readonly fields: ReadonlyMap<string, string>
}

/**
 * Reads the one plain shape in which the rules are written: YAML allows far more, and a line of another shape is an
 * error here. @throws Error that names the line
 */
function readRules(text: string): Rule[] {
  const rules: { alert: string; fields: Map<string, string> }[] = []
  for (const line of text.split('\n')) {
    if (/^(#.*|groups:|)$/.test(line) || /^ {2}- name: [a-z-]+$/.test(line) || /^ {4}rules:$/.test(line)) continue
    const [, alert] = /^ {6}- alert: ([A-Za-z]+)$/.exec(line) ?? []
    const [, name, quoted, plain] =
      /^ {8,10}(expr|for|severity|summary|description): (?:'((?:[^']|'')+)'|(\w+))$/.exec(line) ?? []
    if (alert !== undefined) rules.push({ alert, fields: new Map() })
    else if (name !== undefined) rules.at(-1)?.fields.set(name, quoted ?? plain ?? '')
    else if (!/^ {8}(labels|annotations):$/.test(line)) throw new Error(`not in the shape of the rules: ${line}`)
  }
  return rules
}

describe('the alert rules', () => {
  const rules = readRules(read('tieout-alerts.yaml'))

  test('use metrics and labels that exist, and each says how bad it is and what to do', () => {
    expect(rules.length).toBeGreaterThan(12)
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, fields } of rules) {
      expect(alert).toMatch(/^Tieout[A-Z]/)
      expect(objectionsTo(fields.get('expr') ?? '')).toEqual([])
      expect(fields.get('for'), alert).toMatch(/^\d+[mh]$/)
      expect(fields.get('severity'), alert).toMatch(/^(critical|warning)$/)
      expect(fields.get('summary')?.length, alert).toBeGreaterThan(15)
      expect(fields.get('description')?.length, alert).toBeGreaterThan(60)
    }
  })

  test('are each explained in docs/operations.md', () => {
    for (const { alert } of rules) expect(operations, alert).toContain(`\`${alert}\``)
  })

  test('of another shape would be refused', () => {
    expect(() => readRules('groups:\n  - name: a\n    rules:\n      - alert: A\n        expr: a > 1\n')).toThrow()
    expect(() => readRules('groups: []\n')).toThrow()
  })
})

describe('the dashboard', () => {
  const dashboard = JSON.parse(read('tieout-dashboard.json'))
  interface Panel {
    readonly id: number
    readonly title: string
    readonly type: string
    readonly datasource?: { readonly uid: string }
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  }
  const panels: readonly Panel[] = dashboard.panels
  const targets = panels.flatMap((panel) => panel.targets ?? [])

  test('uses metrics and labels that exist, through the data source that was chosen', () => {
    expect(targets.length).toBeGreaterThan(20)
    for (const { expr, legendFormat } of targets) {
      expect(objectionsTo(expr)).toEqual([])
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        expect(objectionsTo(`max by (${label}) (${expr})`), legendFormat).toEqual([])
      }
    }
    for (const { type, title, datasource } of panels) {
      if (type !== 'row') expect(datasource?.uid, title).toBe(DATASOURCE)
    }
    const variables: { name: string; type: string }[] = dashboard.templating.list
    expect(variables.find(({ name }) => name === 'datasource')?.type).toBe('datasource')
  })

  test('shows every metric but those that only alerts would miss', () => {
    const shown = new Set(targets.flatMap(({ expr }) => expr.match(/\btieout_\w+/g) ?? []))
    expect([...metrics.keys()].filter((name) => !shown.has(name))).toEqual([])
  })

  test('has panels that do not overlap, each with its own id', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
  })
})

test('no metric has a label that Prometheus would rename', () => {
  const labels = [...metrics.values()].flat()
  expect(labels).toContain('account')
  for (const label of SCRAPED_LABELS) expect(labels).not.toContain(label)
})

test('every metric is explained in docs/operations.md', () => {
  for (const name of metrics.keys()) expect(operations, name).toContain(`\`${name}\``)
})

test.each([
  ['a metric that does not exist', 'max(tieout_nothing) > 0'],
  ['a label that does not exist', 'max by (merchant) (tieout_missing_days) > 0'],
  ['a matcher of a label that does not exist', 'tieout_missing_days{severity="high"} > 0'],
  ['no metric at all', 'vector(1)'],
])('the checker sees %s', (_, expression) => {
  expect(objectionsTo(expression)).not.toEqual([])
})
