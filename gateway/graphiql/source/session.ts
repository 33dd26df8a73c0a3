// Who is signed in: kept for this tab only and forgotten when it is closed.
import { configuration } from "./configuration";
import { ask, type Answer } from "./transport";
import { words } from "./words";

export interface Session {
  name: string;
  token: string;
}

const KEY = "gateway.session";

export function current(): Session | null {
  const stored = sessionStorage.getItem(KEY);
  return stored ? (JSON.parse(stored) as Session) : null;
}

export function forget(): void {
  sessionStorage.removeItem(KEY);
}

/** Signs in by the configured mutation; throws an Error whose message is for the reader. */
export async function signIn(username: string, password: string): Promise<Session> {
  const rule = configuration.signIn!;
  const answer = await ask({ query: rule.document, variables: { username, password } }, {});
  const token = at(answer.data, rule.token);
  if (typeof token !== "string") throw new Error(refusal(answer, rule.errors));
  const session = { name: username, token };
  sessionStorage.setItem(KEY, JSON.stringify(session));
  return session;
}

function refusal(answer: Answer, path: string): string {
  const problems = at(answer.data, path) ?? answer.errors;
  const first = Array.isArray(problems) ? problems[0] : null;
  return (first as { message?: string } | null)?.message ?? answer.errors?.[0]?.message ?? words.noToken;
}

function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key], value);
}
