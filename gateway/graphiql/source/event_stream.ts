// Subscriptions for GraphiQL: server-sent events read with fetch, which, unlike a browser's WebSocket, may send headers.
import { configuration } from "./configuration";
import type { Answer, Question } from "./transport";
import { isChinese, words } from "./words";

export async function* follow(
  question: Question,
  headers: Record<string, string>,
): AsyncGenerator<Answer> {
  const ended = new AbortController();
  const response = await fetch(configuration.endpoint, {
    method: "POST",
    signal: ended.signal,
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      "accept-language": isChinese ? "zh" : "en",
      ...headers,
    },
    body: JSON.stringify(question),
  }).catch(() => {
    throw new Error(words.unreachable);
  });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    yield (await response.json()) as Answer;
    return;
  }
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        if (block.startsWith("event: complete")) return;
        const data = /^data: (.+)$/m.exec(block)?.[1];
        if (data) yield JSON.parse(data) as Answer;
      }
    }
  } finally {
    ended.abort(); // GraphiQL's stop button ends the generator
  }
}
