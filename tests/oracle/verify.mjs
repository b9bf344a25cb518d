// Judges one bundle with @sigstore/verify.
//
// Reads from standard input {bundle, artifact, trustedRoot, publicKey, identity, issuer, logged}:
//   artifact    in base64, what a message signature is to be over
//   publicKey   SubjectPublicKeyInfo of the one trusted key, DER in base64; null for keyless
//   identity    the certificate's one accepted name, literally; with issuer, for keyless
//   logged      whether an entry of the transparency log, and the time it proves, is demanded
// Writes {accepted, reason}. What the signed statement says is the caller's to look at.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

const asked = JSON.parse(readFileSync(0, "utf8"));

function keys() {
  if (asked.publicKey === null) return {};
  const rawBytes = Buffer.from(asked.publicKey, "base64");
  return { [createHash("sha256").update(rawBytes).digest("base64")]: { rawBytes } };
}

function policy() {
  if (asked.publicKey !== null) return undefined;
  const literal = asked.identity.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return { subjectAlternativeName: `^${literal}$`, extensions: { issuer: asked.issuer } };
}

function verdict() {
  try {
    const entity = toSignedEntity(bundleFromJSON(asked.bundle), Buffer.from(asked.artifact, "base64"));
    if ((entity.key.$case === "public-key") !== (asked.publicKey !== null)) throw new Error("another kind of signer");
    const material = toTrustMaterial(TrustedRoot.fromJSON(asked.trustedRoot), keys());
    const threshold = asked.logged ? 1 : 0;
    new Verifier(material, { tlogThreshold: threshold, timestampThreshold: threshold }).verify(entity, policy());
    return { accepted: true, reason: "" };
  } catch (error) {
    return { accepted: false, reason: `${error.name} ${error.code ?? ""} ${error.message}` };
  }
}

process.stdout.write(JSON.stringify(verdict()));
