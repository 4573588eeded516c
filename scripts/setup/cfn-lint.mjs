// cfn-lint knows what CloudFormation takes. It is Python, so it comes as a folder of pinned packages, of which nothing is installed.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { appearAtOnce } from "./appear-at-once.mjs";
import { cacheFolder } from "./cache.mjs";
import { installPackages } from "./python.mjs";
import { say } from "./say.mjs";

const version = "1.58.0";

// regex has a compiled part and no other: a wheel for each Python from 3.11 to 3.13, on arm64 and x64. PyYAML does without its own.
const packages = `
cfn-lint==1.58.0 --hash=sha256:9d9f06043160756a6158f5c3f92a44ce38254b1c578127461608305bc8262987
jsonpatch==1.48 --hash=sha256:389f25f006940b7bc939c33ca0f6cf8875527dc70599520652a269040ce40b63
jsonpointer==3.12 --hash=sha256:89f391335ee2719ae72149e1bf30a4d4c7c5d92f15a3f53faa8d20cc7c6c7f19
mpmath==1.3.0 --hash=sha256:a0b2b9fe80bbcd81a6647ff13108738cfb482d481d826cc0e02f5b35e5c88d2c
networkx==3.6.1 --hash=sha256:d47fbf302e7d9cbbb9e2555a0d267983d2aa476bac30e90dfbe5669bd57f3762
sympy==1.14.0 --hash=sha256:e091cc3e99d2141a0ba2847328f5479b05d94a6635cb96148ccb3f34671bd8f5
typing-extensions==4.16.0 --hash=sha256:481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8
regex==2026.11.19 --hash=sha256:3bd48fcc3222607d2b0e260be6e1a957b874f852b13af8c8643c8fbd8acf2425 --hash=sha256:3c916c26a235d06a4dfe717c4dd618563e373a15d0dd86085e9c8d8b1d1abd70 --hash=sha256:5403bbcbd207f6e498fab36c4bfa31d857a0bd4173f74a845f1f731cb95d31ff --hash=sha256:70a2ad913b9a22342f8f66aa8d1cd484b4f1cf54ea360a15c5ccb17d35b06afd --hash=sha256:86d3b2ea69b3c56df3e8ddbac6cd98eaf5a8c5b5e7e006897ebdf7a28d6818e6 --hash=sha256:8a966a5afe94ed9fb06deeecd9e3e51c3a5ab7d920e13f8128338e3fcdfed2b0
`;

/** For PYTHONPATH. PyYAML is moto's. */
export function cfnLintFolder() {
  return join(cacheFolder(), `cfn-lint-${version}`);
}

/** Puts cfn-lint into the cache folder when it is not there. Throws SetupProblem. */
export function ensureCfnLint() {
  const whole = join(cfnLintFolder(), "cfnlint", "runner");
  if (existsSync(whole)) return;
  appearAtOnce(cfnLintFolder(), whole, (work) => {
    say(`downloading cfn-lint ${version} into ${cacheFolder()}`);
    return installPackages(
      work,
      packages,
      [],
      "cfn-lint could not be downloaded: check that this machine reaches its Python package index and has Python 3.11 to 3.13",
    );
  });
}
