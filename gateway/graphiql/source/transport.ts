// One way to the gateway for GraphiQL and for the sign-in bar.
import { configuration } from "./configuration";
import { isChinese, words } from "./words";

export interface Answer {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string } }[];
  extensions?: { traceId?: string; traceUrl?: string; queryPlan?: unknown };
}

export interface Question {
  query: string;
  variables?: unknown;
  operationName?: string | null;
}

export async function ask(question: Question, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(configuration.endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
      "accept-language": isChinese ? "zh" : "en",
      ...headers,
    },
    body: JSON.stringify(question),
  }).catch(() => {
    throw new Error(words.unreachable);
  });
  return (await response.json()) as Answer;
}
