// What the last answer said about itself: its trace and its plan.
import type { Answer } from "./transport";

export interface Shown {
  traceId: string | null;
  traceUrl: string | null;
  queryPlan: string | null;
}

const listeners = new Set<() => void>();
let shown: Shown = { traceId: null, traceUrl: null, queryPlan: null };

export const lastAnswer = {
  read: (): Shown => shown,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  tell({ extensions }: Answer): void {
    const plan = extensions?.queryPlan;
    shown = {
      traceId: extensions?.traceId ?? null,
      traceUrl: extensions?.traceUrl ?? null,
      queryPlan: plan == null ? null : typeof plan === "string" ? plan : JSON.stringify(plan, null, 2),
    };
    listeners.forEach((listener) => listener());
  },
};
