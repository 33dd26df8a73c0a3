// A tab beside the documentation that shows how the gateway answered the last query.
import type { GraphiQLPlugin } from "@graphiql/react";
import { useSyncExternalStore } from "react";
import { configuration } from "./configuration";
import { lastAnswer } from "./last_answer";
import { words } from "./words";

export const planTab: GraphiQLPlugin = {
  title: words.plan,
  icon: () => (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <circle cx="6" cy="5" r="2.25" />
      <circle cx="6" cy="19" r="2.25" />
      <circle cx="18" cy="12" r="2.25" />
      <path d="M6 7.25v9.5M6 12h9.75" />
    </svg>
  ),
  content: () => <Plan />,
};

function Plan() {
  const { queryPlan } = useSyncExternalStore(lastAnswer.subscribe, lastAnswer.read);
  return (
    <section className="gateway-plan">
      <div className="graphiql-doc-explorer-title">{words.plan}</div>
      {queryPlan ? <pre>{queryPlan}</pre> : <p>{configuration.plans ? words.planHint : words.planOff}</p>}
    </section>
  );
}
