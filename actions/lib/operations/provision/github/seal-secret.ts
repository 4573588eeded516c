import sodium from "libsodium-wrappers";

/** What GitHub's API takes for a secret: the value in a sealed box to the environment's public key (docs.github.com, Encrypting secrets for the REST API). */
export async function sealSecret(value: string, publicKey: string): Promise<string> {
  await sodium.ready;
  const key = sodium.from_base64(publicKey, sodium.base64_variants.ORIGINAL);
  return sodium.to_base64(sodium.crypto_box_seal(value, key), sodium.base64_variants.ORIGINAL);
}
