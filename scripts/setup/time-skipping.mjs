import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  cacheDirectory,
  cachedTimeSkippingServer,
  findOnPath,
  findTimeSkippingServer,
} from '../find-temporal.mjs';
import { downloadWithSdk } from './download.mjs';
import { withLock } from './lock.mjs';
import { run, say, step, tail } from './progress.mjs';

const VERSION = '1.34.0';
const MAIN_CLASS = 'io.temporal.testserver.TestServer';

/**
 * Prepares the server that skips time: Temporal's own download, else its Java archive from Maven.
 *
 * Without either set-up goes on: most tests do without, and those that need it say what is missing.
 */
export async function ensureTimeSkippingServer() {
  if (findTimeSkippingServer()) return;
  await withLock('time-skipping', async () => {
    if (findTimeSkippingServer()) return;
    const target = cachedTimeSkippingServer();
    const download = await step("Downloading Temporal's test server with Temporal's SDK", () =>
      downloadWithSdk('time-skipping', target),
    );
    if (download.ok) return;
    say(`  not reachable: ${download.why}`);
    await installFromMaven(target);
  });
}

/** @param {string} target */
async function installFromMaven(target) {
  const [java, maven] = [findOnPath('java'), findOnPath('mvn')];
  if (!java || !maven) {
    const absent = [java ? '' : 'java', maven ? '' : 'mvn'].filter(Boolean).join(' and ');
    say(`Tests that skip time will fail: install ${absent} and run the tests again.`);
    return;
  }
  await step(`Installing Temporal's test server ${VERSION} from Maven Central`, async () => {
    const directory = join(cacheDirectory(), 'temporal-test-server', VERSION);
    const libraries = await copyLibraries(maven, directory);
    if (!libraries) return;
    const classpath = libraries.join(process.platform === 'win32' ? ';' : ':');
    const archive = join(directory, 'classes.jsa');
    await archiveClasses(java, classpath, archive);
    writeLauncher({ java, classpath, archive, target });
  });
}

/**
 * @param {string} maven
 * @param {string} directory
 * @returns {Promise<string[] | null>}
 */
async function copyLibraries(maven, directory) {
  const libraries = join(directory, 'lib');
  if (!existsSync(libraries)) {
    const unfinished = `${libraries}.${process.pid}`;
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'pom.xml'), pom());
    const args = [
      '-q',
      '-B',
      'dependency:copy-dependencies',
      `-DoutputDirectory=${unfinished}`,
      '-DincludeScope=runtime',
    ];
    const { ok, output } = await run(maven, args, { cwd: directory });
    if (!ok) {
      rmSync(unfinished, { recursive: true, force: true });
      say(`Tests that skip time will fail: Maven could not fetch their server. It said:\n${tail(output)}`);
      return null;
    }
    renameSync(unfinished, libraries);
  }
  return readdirSync(libraries)
    .sort()
    .map((name) => join(libraries, name));
}

function pom() {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>leash</groupId>
  <artifactId>time-skipping</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;
}

/**
 * Runs the server once and has Java keep its loaded classes: a start then takes 0.6 s instead of 7 s,
 * and the SDK waits for no more than 5 s. Where that fails (Java before 13) the server works, slowly.
 *
 * @param {string} java
 * @param {string} classpath
 * @param {string} archive
 */
async function archiveClasses(java, classpath, archive) {
  rmSync(archive, { force: true });
  const port = await freePort();
  const args = [`-XX:ArchiveClassesAtExit=${archive}`, '-cp', classpath, MAIN_CLASS, String(port)];
  const server = spawn(java, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => {
    server.once('close', resolve);
    server.once('error', resolve);
  });
  const deadlineMs = Date.now() + 60_000;
  while (server.exitCode === null && Date.now() < deadlineMs && !(await accepts(port))) await delay(100);
  server.kill('SIGTERM');
  const insist = setTimeout(() => server.kill('SIGKILL'), 60_000);
  await ended;
  clearTimeout(insist);
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** @param {number} port */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/**
 * Written last and moved into place: its presence says that all it names is there.
 *
 * @param {{ java: string, classpath: string, archive: string, target: string }} parts
 */
function writeLauncher({ java, classpath, archive, target }) {
  const options = existsSync(archive) ? `-XX:SharedArchiveFile=${quoted(archive)} ` : '';
  const unfinished = `${target}.${process.pid}`;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(
    unfinished,
    `#!/bin/sh\nexec ${quoted(java)} ${options}-XX:TieredStopAtLevel=1 -cp ${quoted(classpath)} ${MAIN_CLASS} "$@"\n`,
  );
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, target);
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
