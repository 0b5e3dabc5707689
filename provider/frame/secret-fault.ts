/** Cuts the found value off a validation message whose path names a secret. */
export function withoutSecret<F extends { path: string; message: string }>(
  fault: F,
  secretInputs: readonly string[],
): F {
  const isSecret = secretInputs.includes(fault.path) || SECRET_FIELD.test(fault.path);
  return isSecret ? { ...fault, message: fault.message.replace(/, got [\s\S]*$/, "") } : fault;
}

const SECRET_FIELD = /(^|\.)(password|privateKey|privateKeyPassword|key)$/;
