import { parse } from "libpg-query";

/** A node of Postgres' own parse tree, as JSON: its fields by name. */
type Fields = Readonly<Record<string, unknown>>;

export interface RulesOptions {
  /** The schema whose tables are distributed by `owner_id`. */
  readonly schema: string;
  /** Whether Postgres marks this function as volatile, or it is a clock. */
  readonly isVolatile: (name: string) => boolean;
  /**
   * Whether one statement may write the sessions of many owners, or write and then insert the rows that it wrote, as on a
   * single PostgreSQL. A distributed one runs the second kind as a two-phase commit over all workers.
   */
  readonly batches: boolean;
}

/**
 * Lists the parts of a statement that a distributed Postgres would refuse, or answer by asking every shard. A statement
 * that touches none of the schema's tables may do anything, except be several statements at once. Two kinds of statement
 * may read beyond one owner: the batch, where it is allowed, and the sweep's query for due sessions.
 */
export async function violations(text: string, options: RulesOptions): Promise<readonly string[]> {
  const { stmts = [] } = await parse(text);
  const found: string[] = [];
  if (stmts.length !== 1) found.push(`${stmts.length} statements at once`);
  const nodes = [...nodesIn(stmts)];
  if (!touchesTables(nodes, options.schema)) return found;

  for (const [kind, fields] of nodes) {
    if (kind === "SQLValueFunction") found.push("a clock of the database");
    if (kind === "NotifyStmt" || kind === "ListenStmt") found.push("a notification");
    if (kind === "CreateTrigStmt") found.push("a trigger");
    if (kind === "FuncCall" && options.isVolatile(lastName(fields["funcname"]))) {
      found.push(`the volatile function ${lastName(fields["funcname"])}`);
    }
    if (kind === "TypeCast" && /"interval"/.test(JSON.stringify(fields["typeName"]))) found.push("an interval");
    if (/^(Insert|Update|Delete)Stmt$/.test(kind)) found.push(...castViolations(fields));
  }
  if (!options.batches && nodes.some(([kind, { ctequery }]) => kind === "CommonTableExpr" && writes(ctequery))) {
    found.push("a write in a common table expression");
  }
  const isBatch = nodes.some(([kind, fields]) => kind === "FuncCall" && lastName(fields["funcname"]) === "unnest");
  if (isBatch && options.batches) return found;
  if (isBatch) found.push("a batch over owners");
  const ctes = nodes.flatMap(([kind, { ctename }]) => (kind === "CommonTableExpr" ? [String(ctename)] : []));
  for (const [kind, fields] of nodes) {
    if (isPart(kind)) found.push(...ownerViolations(kind, fields, options.schema, ctes));
  }
  return found;
}

function writes(statement: unknown): boolean {
  return Object.keys(statement ?? {}).some((kind) => /^(Insert|Update|Delete)Stmt$/.test(kind));
}

/** Whether a statement reads or writes a table of the schema. Creating, locking and attaching tables do not count. */
export async function isHot(text: string, schema: string): Promise<boolean> {
  const nodes = [...nodesIn((await parse(text)).stmts ?? [])];
  return touchesTables(nodes, schema);
}

/**
 * Lists the casts from text to a time in a write: they depend on settings. A cast of a parameter is done once, where the
 * statement is planned. A cast of a column is refused, and so is any cast in RETURNING or ON CONFLICT.
 */
function castViolations(write: Fields): readonly string[] {
  const castsIn = (value: unknown) =>
    [...nodesIn(value)].filter(
      ([kind, { typeName }]) =>
        kind === "TypeCast" && /"(timestamptz|timestamp|date|time)"/.test(JSON.stringify(typeName)),
    );
  const after = [write["returningClause"], write["returningList"], write["onConflictClause"]];
  const within = castsIn([write["targetList"], write["whereClause"]]).filter(([, { arg }]) => !isParameter(arg));
  return [
    ...castsIn(after).map(() => "a time made behind RETURNING or ON CONFLICT"),
    ...within.map(() => "a time made of a column"),
  ];
}

type Part = "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt";
const isPart = (kind: string): kind is Part => /^(Select|Insert|Update|Delete)Stmt$/.test(kind);

function touchesTables(nodes: readonly (readonly [string, Fields])[], schema: string): boolean {
  const isStatement = nodes.some(([kind]) => isPart(kind) || kind === "CreateTrigStmt");
  return isStatement && JSON.stringify(nodes).includes(`"schemaname":"${schema}"`);
}

/** The violations of one part: a common table expression, a subquery, or the statement itself. */
function ownerViolations(kind: Part, fields: Fields, schema: string, ctes: readonly string[]): readonly string[] {
  if (kind === "InsertStmt") return insertViolations(fields);
  const from = [fields["relation"], ...list(fields["fromClause"]), ...list(fields["usingClause"])];
  const tables = from
    .flatMap(tablesOf)
    .filter(({ name, of }) => of === schema || (of === undefined && ctes.includes(name)));
  if (tables.length === 1 && isSweep(tables[0]!.name, fields)) return [];
  return tables
    .filter(({ name, alias }) => {
      const compared = keysCompared(fields["whereClause"], keyOf(name));
      return !compared.has(alias) && !(tables.length === 1 && compared.has(""));
    })
    .map(({ name }) => `${name} without ${keyOf(name)} = $n`);
}

/** The column by which a table is distributed. A request for a hand-off has no owner yet, and an address has none. */
const keyOf = (table: string) => (["hand_off_request", "hand_off_try"].includes(table) ? "id" : "owner_id");

/** `INSERT … VALUES` must name the owner by a parameter. For `INSERT … SELECT` the select is checked as a separate part. */
function insertViolations(fields: Fields): readonly string[] {
  const { SelectStmt: { valuesLists } = {} } = (fields["selectStmt"] ?? {}) as { SelectStmt?: Fields };
  const [table] = tablesOf(fields["relation"]);
  const key = keyOf(table?.name ?? "");
  const at = list(fields["cols"]).findIndex((column) => JSON.stringify(column).includes(`"name":"${key}"`));
  if (at === -1) return [`an insert without ${key}`];
  const literal = list(valuesLists).some((row) => {
    const { List: { items } = {} } = row as { List?: Fields };
    return !isParameter(list(items)[at]);
  });
  return literal ? [`an insert whose ${key} is no parameter`] : [];
}

/**
 * The columns by whose indexes a query may look at the rows of all owners: for what is due, for what other nodes have
 * changed, and for what ended with everybody's sign-ins.
 */
const columnsOfAll: Readonly<Record<string, readonly string[]>> = {
  session: ["expires_bucket"],
  sign_in: ["sweep_bucket", "epoch"],
  sign_in_event: ["invalidates"],
  hand_off_request: ["expires_at"],
  hand_off_offer: ["expires_at"],
  hand_off_try: ["expires_at"],
  visit_data: ["expires_at"],
};

/** Whether this is a query over the rows of all owners, by a separate index. It is bounded, and locks and changes none. */
function isSweep(table: string, fields: Fields): boolean {
  const where = JSON.stringify(fields["whereClause"] ?? null);
  return (
    (columnsOfAll[table] ?? []).some((column) => where.includes(`"${column}"`)) &&
    "limitCount" in fields &&
    !("lockingClause" in fields)
  );
}

/** The aliases of the tables whose key a condition compares with a parameter: "" for an unqualified column. */
function keysCompared(where: unknown, key: string): ReadonlySet<string> {
  const { BoolExpr, A_Expr } = (where ?? {}) as { BoolExpr?: Fields; A_Expr?: Fields };
  if (BoolExpr?.["boolop"] === "AND_EXPR") {
    return new Set(list(BoolExpr["args"]).flatMap((each) => [...keysCompared(each, key)]));
  }
  if (A_Expr?.["kind"] !== "AEXPR_OP" || lastName(A_Expr["name"]) !== "=" || !isParameter(A_Expr["rexpr"]))
    return new Set();
  const { ColumnRef } = A_Expr["lexpr"] as { ColumnRef?: Fields };
  const names = list(ColumnRef?.["fields"]).map((each) => lastName([each]));
  return names.at(-1) === key ? new Set([names.length > 1 ? names.at(-2)! : ""]) : new Set();
}

function isParameter(node: unknown): boolean {
  const { ParamRef, TypeCast } = (node ?? {}) as { ParamRef?: Fields; TypeCast?: Fields };
  return ParamRef !== undefined || (TypeCast !== undefined && isParameter(TypeCast["arg"]));
}

function tablesOf(item: unknown): readonly { readonly name: string; readonly of: unknown; readonly alias: string }[] {
  if (typeof item !== "object" || item === null) return [];
  const { RangeVar, JoinExpr, relname } = item as { RangeVar?: Fields; JoinExpr?: Fields; relname?: unknown };
  if (JoinExpr) return [JoinExpr["larg"], JoinExpr["rarg"]].flatMap(tablesOf);
  const table = RangeVar ?? (relname === undefined ? undefined : (item as Fields));
  if (table === undefined) return [];
  const name = String(table["relname"]);
  const { aliasname } = (table["alias"] ?? {}) as { aliasname?: string };
  return [{ name, of: table["schemaname"], alias: aliasname ?? name }];
}

/** Every node below a value, with its kind: the parse tree names kinds in capitals, fields in lower case. */
function* nodesIn(value: unknown): Generator<readonly [string, Fields]> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, below] of Object.entries(value)) {
    if (/^[A-Z]/.test(key) && typeof below === "object" && below !== null) yield [key, below as Fields];
    // Only in the two sides of a union does a statement stand under a field's name.
    if (/^[lr]arg$/.test(key) && typeof below === "object" && below !== null && "op" in below)
      yield ["SelectStmt", below];
    yield* nodesIn(below);
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function lastName(names: unknown): string {
  const { String: { sval = "" } = {} } = (list(names).at(-1) ?? {}) as { String?: { sval?: string } };
  return sval;
}
