// The bar above GraphiQL: who asks, and where the last answer can be followed.
import { useState, type FormEvent } from "react";
import { configuration } from "./configuration";
import { forget, signIn, type Session } from "./session";
import { words } from "./words";

interface Props {
  session: Session | null;
  onSession: (session: Session | null) => void;
  traceUrl: string | null;
  traceId: string | null;
}

export function SignInBar({ session, onSession, traceUrl, traceId }: Props) {
  return (
    <header className="gateway-bar">
      <strong>{configuration.title}</strong>
      <span className="gateway-space" />
      <TraceLink url={traceUrl} id={traceId} />
      {configuration.signIn &&
        (session ? (
          <SignedIn session={session} onSignOut={() => (forget(), onSession(null))} />
        ) : (
          <SignInForm onSession={onSession} />
        ))}
    </header>
  );
}

function TraceLink({ url, id }: { url: string | null; id: string | null }) {
  if (!id) return null;
  if (!url || !/^https?:/.test(url)) return <code title={words.trace}>{id}</code>;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer" title={words.traceHint}>
      {words.trace} <code>{id.slice(0, 8)}</code>
    </a>
  );
}

function SignedIn({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  return (
    <>
      <span>{words.signedInAs(session.name)}</span>
      <button type="button" onClick={onSignOut}>
        {words.signOut}
      </button>
    </>
  );
}

function SignInForm({ onSession }: { onSession: (session: Session) => void }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    try {
      onSession(await signIn(String(fields.get("username")), String(fields.get("password"))));
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <form onSubmit={submit}>
      {problem && <span role="alert">{problem}</span>}
      <input name="username" placeholder={words.username} aria-label={words.username} autoComplete="username" required />
      <input
        name="password"
        type="password"
        placeholder={words.password}
        aria-label={words.password}
        autoComplete="current-password"
        required
      />
      <button disabled={busy}>{words.signIn}</button>
    </form>
  );
}
