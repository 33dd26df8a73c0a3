// What the gateway tells its page: a JSON block in the HTML, so that no script is inline.
export interface SignIn {
  document: string;
  token: string;
  errors: string;
}

export interface Configuration {
  title: string;
  endpoint: string;
  signIn: SignIn | null;
  defaultQuery: string | null;
  plans: boolean;
}

export const configuration: Configuration = JSON.parse(
  document.getElementById("configuration")!.textContent!,
);
