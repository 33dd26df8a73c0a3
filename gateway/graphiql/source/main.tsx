// The page that the gateway serves: GraphiQL, a sign-in bar, the trace and the plan of the last answer.
import type { Fetcher } from "@graphiql/toolkit";
import { getOperationAST } from "graphql";
import { GraphiQL } from "graphiql";
import "graphiql/style.css";
import { StrictMode, useMemo, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { configuration } from "./configuration";
import { lastAnswer } from "./last_answer";
import { planTab } from "./plan_tab";
import { current, forget, type Session } from "./session";
import { SignInBar } from "./sign_in_bar";
import "./page.css";
import { follow } from "./event_stream";
import { ask, type Answer } from "./transport";
import { isChinese } from "./words";

function Page() {
  const [session, setSession] = useState(current);
  const { traceId, traceUrl } = useSyncExternalStore(lastAnswer.subscribe, lastAnswer.read);
  const fetcher = useMemo(
    () => fetcherFor(session, () => (forget(), setSession(null))),
    [session],
  );

  return (
    <>
      <SignInBar session={session} onSession={setSession} traceId={traceId} traceUrl={traceUrl} />
      <main>
        <GraphiQL
          fetcher={fetcher}
          plugins={[planTab]}
          defaultQuery={configuration.defaultQuery ?? undefined}
          shouldPersistHeaders={false}
        >
          <GraphiQL.Logo>{" "}</GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}

/** Headers typed into GraphiQL win over the session's, so that another token can be tried. */
function fetcherFor(session: Session | null, onExpired: () => void): Fetcher {
  return async ({ query, variables, operationName }, options) => {
    const introspection = operationName === "IntrospectionQuery";
    const question = { query, variables, operationName };
    const headers = {
      ...(session ? { authorization: `Bearer ${session.token}` } : {}),
      ...(configuration.plans && !introspection ? { "x-include-plan": "1" } : {}),
      ...lowerCase(options?.headers ?? {}),
    };
    const told = (answer: Answer) => {
      lastAnswer.tell(answer);
      if (session && answer.errors?.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED")) onExpired();
      return withoutPlan(answer);
    };
    const operation = options?.documentAST && getOperationAST(options.documentAST, operationName);
    if (operation?.operation === "subscription") return each(follow(question, headers), told) as never;
    const answer = await ask(question, headers);
    return (introspection ? answer : told(answer)) as never;
  };
}

async function* each(answers: AsyncGenerator<Answer>, told: (answer: Answer) => Answer) {
  for await (const answer of answers) yield told(answer);
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The plan has a tab of its own; in the answer it would only be in the way. */
function withoutPlan<T extends { extensions?: { queryPlan?: unknown } }>(answer: T): T {
  const { queryPlan: _, ...extensions } = answer.extensions ?? {};
  return { ...answer, extensions };
}

document.documentElement.lang = isChinese ? "zh" : "en";
document.title = `GraphiQL · ${configuration.title}`;
createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
