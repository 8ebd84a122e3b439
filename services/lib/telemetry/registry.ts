// Prometheus metrics: families hand out series objects, which hot paths keep and bump without any look-up.

/** Envoy's default histogram buckets, which Istio leaves as they are. */
export const ENVOY_BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

export interface Exposable {
  expose(): string;
}

/** A counter's or gauge's one series. */
export class Series {
  value = 0;
  readonly labels: string;

  constructor(labels: string) {
    this.labels = labels;
  }

  add(amount: number): void {
    this.value += amount;
  }
}

export class HistogramSeries {
  readonly labels: string;
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(labels: string, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] ?? 0)) index++;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  lines(name: string): string {
    const comma = this.labels === '' ? '' : ',';
    const plain = this.labels === '' ? '' : `{${this.labels}}`;
    let text = '';
    let running = 0;
    for (const [index, bound] of this.#bounds.entries()) {
      running += this.#counts[index] ?? 0;
      text += `${name}_bucket{${this.labels}${comma}le="${bound}"} ${running}\n`;
    }
    text += `${name}_bucket{${this.labels}${comma}le="+Inf"} ${this.#count}\n`;
    return `${text}${name}_sum${plain} ${this.#sum}\n${name}_count${plain} ${this.#count}\n`;
  }
}

/** Series of one name, keyed by label values. Bounded: beyond `maxSeries` everything lands in one overflow series. */
export class Family<S extends Series | HistogramSeries> implements Exposable {
  readonly name: string;
  readonly #kind: 'counter' | 'gauge' | 'histogram';
  readonly #labelNames: readonly string[];
  readonly #create: (labels: string) => S;
  readonly #series = new Map<string, S>();
  readonly #maxSeries: number;

  constructor(
    name: string,
    kind: 'counter' | 'gauge' | 'histogram',
    labelNames: readonly string[],
    create: (labels: string) => S,
    maxSeries: number,
  ) {
    this.name = name;
    this.#kind = kind;
    this.#labelNames = labelNames;
    this.#create = create;
    this.#maxSeries = maxSeries;
  }

  /** The series of these label values, in the order of the family's label names. */
  series(...values: readonly string[]): S {
    const labels = this.#labelNames.map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`).join(',');
    const known = this.#series.get(labels);
    if (known !== undefined) return known;
    const full = this.#series.size >= this.#maxSeries;
    const key = full ? this.#labelNames.map((name) => `${name}="overflow"`).join(',') : labels;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#create(key);
      this.#series.set(key, series);
    }
    return series;
  }

  expose(): string {
    if (this.#series.size === 0) return '';
    let text = `# TYPE ${this.name} ${this.#kind}\n`;
    for (const series of this.#series.values()) {
      if (series instanceof HistogramSeries) text += series.lines(this.name);
      else text += `${this.name}${series.labels === '' ? '' : `{${series.labels}}`} ${series.value}\n`;
    }
    return text;
  }
}

const MAX_SERIES = 10_000;

export class Registry {
  readonly #families = new Map<string, Exposable>();

  counter(name: string, labelNames: readonly string[] = []): Family<Series> {
    return this.#add(new Family(name, 'counter', labelNames, (labels) => new Series(labels), MAX_SERIES));
  }

  gauge(name: string, labelNames: readonly string[] = []): Family<Series> {
    return this.#add(new Family(name, 'gauge', labelNames, (labels) => new Series(labels), MAX_SERIES));
  }

  histogram(
    name: string,
    labelNames: readonly string[] = [],
    bounds: readonly number[] = ENVOY_BUCKETS,
  ): Family<HistogramSeries> {
    return this.#add(
      new Family(name, 'histogram', labelNames, (labels) => new HistogramSeries(labels, bounds), MAX_SERIES),
    );
  }

  /** Metrics computed when they are asked for. */
  collect(name: string, expose: () => string): void {
    this.#families.set(name, { expose });
  }

  /** Prometheus text format 0.0.4. */
  expose(): string {
    let text = '';
    for (const family of this.#families.values()) text += family.expose();
    return text;
  }

  #add<F extends Exposable & { name: string }>(family: F): F {
    if (this.#families.has(family.name)) throw new Error(`BUG: metric ${family.name} is registered twice`);
    this.#families.set(family.name, family);
    return family;
  }
}

export function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value;
}
