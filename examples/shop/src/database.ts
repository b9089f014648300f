import { createRequire } from 'node:module';
import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ParamsObject, SqlJsStatic, SqlValue, Statement } from 'sql.js';

// sql.js is CommonJS whose types claim an ES default export; require gives what is really there.
const initSqlJs = createRequire(import.meta.url)('sql.js') as () => Promise<SqlJsStatic>;
const tracer = trace.getTracer('shop.database');

/** A statement with the names that its span carries. */
export interface Query {
  readonly operation: 'SELECT' | 'INSERT' | 'UPDATE';
  /** The table that the statement is about. */
  readonly collection: string;
  /** With `?` for every value: no value of a user stands in the text. */
  readonly text: string;
}

export interface Database {
  /**
   * Runs the statement inside a CLIENT span and returns its rows, `Row` being the columns that its text asks for. Blocks
   * this process while SQLite works.
   */
  query<Row = ParamsObject>(query: Query, params: readonly SqlValue[]): Row[];
}

/** Opens a new SQLite database in memory and runs the script (schema and first rows) on it. */
export async function openDatabase(namespace: string, script: string): Promise<Database> {
  const SQL = await initSqlJs();
  const database = new SQL.Database();
  database.exec(script);
  const statements = new Map<string, Statement>();

  const run = (query: Query, params: readonly SqlValue[]): ParamsObject[] => {
    let statement = statements.get(query.text);
    if (statement === undefined) {
      statement = database.prepare(query.text);
      statements.set(query.text, statement);
    }
    try {
      statement.bind([...params]);
      const rows: ParamsObject[] = [];
      while (statement.step()) rows.push(statement.getAsObject());
      return rows;
    } finally {
      statement.reset();
    }
  };

  return {
    query<Row>(query: Query, params: readonly SqlValue[]) {
      const summary = `${query.operation} ${query.collection}`;
      const attributes = {
        'db.system.name': 'sqlite',
        'db.namespace': namespace,
        'db.operation.name': query.operation,
        'db.collection.name': query.collection,
        'db.query.summary': summary,
        'db.query.text': query.text,
      };
      return tracer.startActiveSpan(summary, { kind: SpanKind.CLIENT, attributes }, (span: Span) => {
        try {
          const rows = run(query, params);
          span.setAttribute('db.response.returned_rows', rows.length);
          return rows as Row[];
        } catch (error) {
          const failure = error as Error;
          span.recordException(failure);
          span.setAttribute('error.type', failure.name);
          span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
          throw error;
        } finally {
          span.end();
        }
      });
    },
  };
}
