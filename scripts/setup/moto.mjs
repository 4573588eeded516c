// moto plays AWS where the lab's own S3 server cannot: storage classes, restores from Glacier, lifecycle rules. The AWS CLI is
// what RECOVER.md works with. Both are Python, so they come as a folder of pinned packages, of which nothing is installed.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { appearAtOnce } from "./appear-at-once.mjs";
import { cacheFolder } from "./cache.mjs";
import { installPackages } from "./python.mjs";
import { say } from "./say.mjs";

const version = "5.2.5";
const cliVersion = "1.46.3";

// Of PyYAML and MarkupSafe one platform's wheel serves all: where its compiled part does not fit, they do without it.
const packages = `
awscli==1.46.3 --hash=sha256:94c561c1b1b2cf0978ec8d87d956c26c807555438593eec29ea90602b9518cfb
docutils==0.19 --hash=sha256:5e1de4d849fee02c63b040a4a3fd567f4ab104defd8a5511fbbc24a8a017efbc
colorama==0.4.6 --hash=sha256:4f1d9991f5acc0ca119f9d443620b77f9d6b33703e51011c16baf57afb285fc6
rsa==4.7.2 --hash=sha256:78f9a9bf4e7be0c5ded4583326e7461e3a3c5aae24073648b4bdfa797d78c9d2
pyasn1==0.6.1 --hash=sha256:0d632f46f2ba09143da3a8afe9e33fb6f92fa2320ab7e886e2d0f7672af84629
blinker==1.9.0 --hash=sha256:ba0efaa9080b619ff2f3459d1d500c57bddea4a6b424b60a91141db6fd2f08bc
boto3==1.44.5 --hash=sha256:70c3e0409794b29ec1900bcaff0695b73234a2d32ffaed35045b94caa26212a5
botocore==1.44.5 --hash=sha256:8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921
certifi==2026.10.18 --hash=sha256:73191c47aaa79da394e8fee2dbc2ec827432cab56311122c9e47abf79e390f62
click==8.5.1 --hash=sha256:8bb5376d2006950386f8c6427613334a2acadc5f559cb80e638d00b4df957e37
python-dateutil==2.9.0.post0 --hash=sha256:a8b2bc7bffae282281c8140a97d3aa9c14da0b136dfe83f850eea9a5f7470427
flask==3.1.3 --hash=sha256:f4bcbefc124291925f1a26446da31a5178f9483862233b23c0c96a20701f670c
flask-cors==6.0.5 --hash=sha256:68fcf75693e961f3af26683b23c4b9a8fb6b64de17d20d0c37b95e8de7ab2ed8
idna==3.20 --hash=sha256:ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c
itsdangerous==2.2.0 --hash=sha256:c6242fc49e35958c8b15141343aa660db5fc54d4f13a1db01a3f5891b98700ef
jinja2==3.1.6 --hash=sha256:85ece4451f492d0c13c5dd7c13a64681a86afae63a5f347908daf103ce6d2f67
jmespath==1.1.0 --hash=sha256:a5663118de4908c91729bea0acadca56526eb2698e83de10cd116ae0f4e97c64
markupsafe==3.0.4 --hash=sha256:6da83a088f8ef93b2d483a8232a4dbf4d69d3d8496b568a03c56becac43e1808
moto==5.2.5 --hash=sha256:eef62cdcf3bfe73e0863743511ba042dfaba04ba3d5ecdcb896a196c693ad528
requests==2.34.2 --hash=sha256:2a0d60c172f83ac6ab31e4554906c0f3b3588d37b5cb939b1c061f4907e278e0
responses==0.26.3 --hash=sha256:74474f799334ac4f37d93b6437ecc3bb1bb5c77a8d31780a338643be2dce0af8
s3transfer==0.19.3 --hash=sha256:24eb7535804306355e31c952a90022bf5b2f9d760f9a11062c7493a217c08553
six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
urllib3==2.8.0 --hash=sha256:0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3
werkzeug==3.1.9 --hash=sha256:6392e50c78460ba618e5b21f08a71f59c99ce99cdc6cf6e3dd7e6ccca8754fab
xmltodict==1.0.4 --hash=sha256:a4a00d300b0e1c59fc2bfccb53d7b2e88c32f200df138a0dd2229f842497026a
pyyaml==6.0.3 --hash=sha256:b8bb0864c5a28024fac8a632c443c87c5aa6f215c0b126c449ae1a150412f31d
`;

const awsScript = `#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
PYTHONPATH="$here" exec python3 -m awscli "$@"
`;

/** Where the program `aws` is, for PATH. */
export function awsFolder() {
  return join(motoFolder(), "bin");
}

/** Where moto is, for PYTHONPATH. */
export function motoFolder() {
  return join(cacheFolder(), `moto-${version}-awscli-${cliVersion}`);
}

/** Puts moto into the cache folder when it is not there. Throws SetupProblem. */
export function ensureMoto() {
  const whole = join(motoFolder(), "moto", "server.py");
  if (existsSync(whole)) return;
  appearAtOnce(motoFolder(), whole, (work) => {
    say(`downloading moto ${version} and the AWS CLI ${cliVersion} into ${cacheFolder()}`);
    const one = ["--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64"];
    const failure = "moto could not be downloaded: check that this machine reaches its Python package index";
    const tree = installPackages(work, packages, one, failure);
    // By itself the program knows neither its Python nor its packages.
    rmSync(join(tree, "bin"), { recursive: true, force: true });
    mkdirSync(join(tree, "bin"));
    writeFileSync(join(tree, "bin", "aws"), awsScript, { mode: 0o755 });
    return tree;
  });
}
