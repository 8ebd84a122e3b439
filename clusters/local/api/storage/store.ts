// Objects, their one resource version and the log of changes: in memory for reading, in SQLite for keeping.
// Writes of one turn of the event loop share one commit (fsync); nobody is told of a write before it is committed.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type ApiObject, clone } from '../object.ts';
import { ApiError } from '../status.ts';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One committed change. */
export interface Change {
  readonly revision: number;
  readonly type: ChangeType;
  readonly resource: string;
  readonly object: ApiObject;
  /** The object before; undefined for ADDED, and where the log of an earlier run no longer has it. */
  readonly previous: ApiObject | undefined;
}

interface Write {
  readonly change: Change;
  readonly done: { resolve(): void; reject(error: Error): void };
}

/** Key of an object inside its resource; NUL sorts before every character of a name. */
export const keyOf = (namespace: string, name: string): string => `${namespace}\u0000${name}`;

interface Table {
  readonly objects: Map<string, ApiObject>;
  sorted: ApiObject[] | undefined;
}

export class Store {
  readonly #file: string;
  readonly #history: number;
  readonly #tables = new Map<string, Table>();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  #db: DatabaseSync;
  #put: StatementSync;
  #remove: StatementSync;
  #log: StatementSync;
  #prune: StatementSync;
  #changes: Change[] = [];
  #pending: Write[] = [];
  #revision: number;
  #committed: number;
  #compacted: number;
  #flush: Promise<void> | undefined;
  #closed = false;

  /** Opens or makes the store; a file that is damaged is refused by name. */
  constructor(file: string, history = 20_000) {
    this.#file = file;
    this.#history = history;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    try {
      this.#db = new DatabaseSync(file);
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000');
      const check = this.#db.prepare('PRAGMA quick_check(3)').all() as { quick_check?: string }[];
      if (check[0]?.quick_check !== 'ok') throw new Error(check.map((row) => row.quick_check).join('; '));
      this.#db.exec(
        `CREATE TABLE IF NOT EXISTS objects (resource TEXT, namespace TEXT, name TEXT, body TEXT NOT NULL,
           PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS changes (revision INTEGER PRIMARY KEY, type TEXT NOT NULL, resource TEXT NOT NULL,
           body TEXT NOT NULL);
         CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;`,
      );
      this.#put = this.#db.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)');
      this.#remove = this.#db.prepare('DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?');
      this.#log = this.#db.prepare('INSERT INTO changes VALUES (?, ?, ?, ?)');
      this.#prune = this.#db.prepare('DELETE FROM changes WHERE revision <= ?');
      this.#compacted = 0;
      this.#revision = this.#load();
      this.#committed = this.#revision;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `store ${file} cannot be used: ${reason}; restore the file from a copy, or move it away to start with an empty cluster`,
        { cause: error },
      );
    }
  }

  #load(): number {
    for (const row of this.#db.prepare('SELECT resource, namespace, name, body FROM objects').iterate())
      this.#table(String(row['resource'])).objects.set(
        keyOf(String(row['namespace']), String(row['name'])),
        JSON.parse(String(row['body'])) as ApiObject,
      );
    const latest = new Map<string, ApiObject>();
    for (const row of this.#db
      .prepare('SELECT revision, type, resource, body FROM changes ORDER BY revision')
      .iterate()) {
      const object = JSON.parse(String(row['body'])) as ApiObject;
      const resource = String(row['resource']);
      const key = `${resource}\u0000${keyOf(object.metadata.namespace ?? '', object.metadata.name)}`;
      const type = String(row['type']) as ChangeType;
      this.#changes.push({
        revision: Number(row['revision']),
        type,
        resource,
        object,
        previous: type === 'ADDED' ? undefined : latest.get(key),
      });
      latest.set(key, object);
    }
    const kept = this.#db.prepare("SELECT value FROM meta WHERE key = 'compacted'").get();
    this.#compacted = Number(kept?.['value'] ?? 0);
    return Math.max(this.#changes.at(-1)?.revision ?? 0, this.#compacted, 1);
  }

  #table(resource: string): Table {
    let table = this.#tables.get(resource);
    if (table === undefined) {
      table = { objects: new Map(), sorted: undefined };
      this.#tables.set(resource, table);
    }
    return table;
  }

  /** Revision of the newest committed change. */
  get revision(): number {
    return this.#committed;
  }

  /** Changes up to this revision can no longer be replayed. */
  get compactedRevision(): number {
    return this.#compacted;
  }

  get(resource: string, namespace: string, name: string): ApiObject | undefined {
    return this.#tables.get(resource)?.objects.get(keyOf(namespace, name));
  }

  /** All objects in order of namespace and name, or those of one namespace. */
  list(resource: string, namespace?: string): readonly ApiObject[] {
    const table = this.#tables.get(resource);
    if (table === undefined) return [];
    table.sorted ??= [...table.objects.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    if (namespace === undefined) return table.sorted;
    return table.sorted.filter((object) => object.metadata.namespace === namespace);
  }

  count(resource: string): number {
    return this.#tables.get(resource)?.objects.size ?? 0;
  }

  /**
   * Puts an object in place of `before`; undefined when another write came first.
   * The object's resourceVersion is set here. The returned promise ends with the commit.
   */
  put(resource: string, object: ApiObject, before: ApiObject | undefined): Promise<ApiObject> | undefined {
    const namespace = object.metadata.namespace ?? '';
    const table = this.#table(resource);
    const key = keyOf(namespace, object.metadata.name);
    if (table.objects.get(key) !== before) return undefined;
    this.#mustBeOpen();
    const revision = ++this.#revision;
    object.metadata.resourceVersion = String(revision);
    table.objects.set(key, object);
    table.sorted = undefined;
    const type: ChangeType = before === undefined ? 'ADDED' : 'MODIFIED';
    return this.#enqueue({ revision, type, resource, object, previous: before });
  }

  /** Removes an object; undefined when another write came first. `last` is what watchers see of it. */
  delete(resource: string, before: ApiObject, last: ApiObject = before): Promise<ApiObject> | undefined {
    const table = this.#table(resource);
    const key = keyOf(before.metadata.namespace ?? '', before.metadata.name);
    if (table.objects.get(key) !== before) return undefined;
    this.#mustBeOpen();
    const revision = ++this.#revision;
    const object = clone(last);
    object.metadata.resourceVersion = String(revision);
    table.objects.delete(key);
    table.sorted = undefined;
    return this.#enqueue({ revision, type: 'DELETED', resource, object, previous: before });
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ApiError(503, 'ServiceUnavailable', 'the server is shutting down');
  }

  #enqueue(change: Change): Promise<ApiObject> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ change, done: { resolve, reject } });
    this.#flush ??= new Promise((flushed) => {
      setImmediate(() => {
        this.#flush = undefined;
        this.#commit();
        flushed();
      });
    });
    return promise.then(() => change.object);
  }

  /** Resolves when everything that was written so far is committed: readers never see what a crash could undo. */
  settled(): Promise<void> {
    return this.#flush ?? Promise.resolve();
  }

  #commit(): void {
    const writes = this.#pending;
    this.#pending = [];
    if (writes.length === 0) return;
    try {
      this.#db.exec('BEGIN');
      for (const { change } of writes) {
        const { namespace = '', name } = change.object.metadata;
        const body = JSON.stringify(change.object);
        if (change.type === 'DELETED') this.#remove.run(change.resource, namespace, name);
        else this.#put.run(change.resource, namespace, name, body);
        this.#log.run(change.revision, change.type, change.resource, body);
      }
      this.#compactWithin(writes.length);
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#undo(writes, error);
      return;
    }
    const changes = writes.map((write) => write.change);
    this.#committed = changes.at(-1)!.revision;
    for (const change of changes) this.#changes.push(change);
    if (this.#changes.length > this.#history * 1.1) {
      this.#changes = this.#changes.filter((change) => change.revision > this.#compacted);
    }
    for (const write of writes) write.done.resolve();
    for (const listener of this.#listeners) listener(changes);
  }

  #compactWithin(added: number): void {
    const total = this.#changes.length + added;
    if (total <= this.#history * 1.1) return;
    const last = this.#changes[Math.min(total - this.#history, this.#changes.length) - 1];
    if (last === undefined || last.revision <= this.#compacted) return;
    this.#prune.run(last.revision);
    this.#db.prepare("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)").run(last.revision);
    this.#compacted = last.revision;
  }

  /** Forgets the log up to a revision, as etcd's compaction does: older watches get 410. */
  compact(revision: number): void {
    this.#prune.run(revision);
    this.#db.prepare("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)").run(revision);
    this.#compacted = revision;
    this.#changes = this.#changes.filter((change) => change.revision > revision);
  }

  #undo(writes: readonly Write[], error: unknown): void {
    try {
      this.#db.exec('ROLLBACK');
    } catch {
      // Nothing was begun, or SQLite rolled back by itself.
    }
    for (const { change } of [...writes].reverse()) {
      const table = this.#table(change.resource);
      const key = keyOf(change.object.metadata.namespace ?? '', change.object.metadata.name);
      if (change.previous === undefined) table.objects.delete(key);
      else table.objects.set(key, change.previous);
      table.sorted = undefined;
    }
    const reason = error instanceof Error ? error.message : String(error);
    const hint = /full|disk|space/i.test(reason) ? '; free space on the disk that holds it' : '';
    const failure = new ApiError(500, 'InternalError', `store ${this.#file} did not take the write: ${reason}${hint}`);
    for (const write of writes) write.done.reject(failure);
  }

  /** Changes after a revision, oldest first; undefined when the log no longer reaches back that far. */
  changesSince(revision: number): readonly Change[] | undefined {
    if (revision < this.#compacted) return undefined;
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#changes[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }

  /** Calls back with each commit's changes until the returned function is called. */
  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Commits what is pending and closes the file. */
  close(): void {
    if (this.#closed) return;
    this.#commit();
    this.#closed = true;
    this.#listeners.clear();
    this.#db.close();
  }
}
