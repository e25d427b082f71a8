import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  type ConfigurationOf,
  defineConfiguration,
  kind,
  type LoadedConfiguration,
  loadConfiguration,
} from '@xtreemos/base';

/** client.conf: what the command itself is told about this host. Defaults are the paths of docs/architecture.md. */
export const clientConfigurationSchema = defineConfiguration({
  Paths: {
    GridSecurityDirectory: kind.path('/etc/grid-security/certificates'),
    ConfigurationDirectory: kind.path('/etc/xtreemos'),
    StateDirectory: kind.path('/var/lib/xtreemos'),
    RunDirectory: kind.path('/run/xtreemos'),
  },
  Service: {
    /** The VO service asked where neither an option nor vo.d says another. */
    Url: kind.url(),
  },
  FileSystem: {
    /** Host of the DIR of XtreemFS, `HOST` or `HOST:PORT`. */
    Directory: kind.text(),
  },
});

/** Where things lie on this host, or below `--root`. */
export interface HostPaths {
  /** Weakest first: vendor's and administrator's. */
  readonly configurationRoots: readonly string[];
  readonly configurationDirectory: string;
  readonly gridSecurityDirectory: string;
  readonly stateDirectory: string;
  readonly runDirectory: string;
  /** VO records of this host, written by `xos node join`. */
  readonly voDirectory: string;
  readonly hostKeyDirectory: string;
  readonly sshUserCaFile: string;
  /** Links into here make CRLs that xos-accounts receives count as installed. */
  readonly crlDirectory: string;
  readonly adminSocket: string;
  /** Of the MRC, for volumes. */
  readonly metadataAdminSocket: string;
  /** The local files, never NSS: grid names are none of this command's owners and groups. */
  readonly passwdFile: string;
  readonly groupFile: string;
  readonly serviceUrl: string | undefined;
  /** The DIR of XtreemFS that is asked where no option says another. */
  readonly fileSystemDirectory: string | undefined;
  /** Where a person's own credentials and VO records lie. */
  readonly userDirectory: string;
}

export interface LoadedHostPaths {
  readonly paths: HostPaths;
  readonly warnings: LoadedConfiguration<unknown>['warnings'];
}

/** @throws XosError XOS_CONFIGURATION_BAD for a bad client.conf. */
export function loadHostPaths(root: string, environment: NodeJS.ProcessEnv): LoadedHostPaths {
  const configurationRoots = ['/usr/lib/xtreemos', '/etc/xtreemos'].map((directory) => join(root, directory));
  const loaded = loadConfiguration(clientConfigurationSchema, { name: 'client', roots: configurationRoots });
  return { paths: hostPaths(loaded.value, root, configurationRoots, environment), warnings: loaded.warnings };
}

function hostPaths(
  configuration: ConfigurationOf<typeof clientConfigurationSchema>,
  root: string,
  configurationRoots: readonly string[],
  environment: NodeJS.ProcessEnv,
): HostPaths {
  const { Paths, Service, FileSystem } = configuration;
  const below = (directory: string): string => join(root, directory);
  const configurationDirectory = below(Paths.ConfigurationDirectory);
  const stateDirectory = below(Paths.StateDirectory);
  const runDirectory = below(Paths.RunDirectory);
  return {
    configurationRoots,
    configurationDirectory,
    gridSecurityDirectory: below(Paths.GridSecurityDirectory),
    stateDirectory,
    runDirectory,
    voDirectory: join(configurationDirectory, 'vo.d'),
    hostKeyDirectory: join(configurationDirectory, 'host'),
    sshUserCaFile: join(configurationDirectory, 'ssh', 'user_ca.pub'),
    crlDirectory: join(stateDirectory, 'accounts', 'crls'),
    adminSocket: join(runDirectory, 'vo', 'admin.sock'),
    metadataAdminSocket: join(runDirectory, 'mrc', 'admin.sock'),
    passwdFile: below('/etc/passwd'),
    groupFile: below('/etc/group'),
    serviceUrl: Service.Url,
    fileSystemDirectory: FileSystem.Directory,
    userDirectory: userDirectory(environment),
  };
}

/** `$XDG_CONFIG_HOME/xtreemos`, else `~/.config/xtreemos` (XDG base directory specification: relative values are ignored). */
function userDirectory(environment: NodeJS.ProcessEnv): string {
  const configured = environment['XDG_CONFIG_HOME'];
  if (configured?.startsWith('/') === true) return join(configured, 'xtreemos');
  return join(environment['HOME'] ?? homedir(), '.config', 'xtreemos');
}

/** Whether this process may use the local administrator's socket, as root on the VO service's host. */
export function hasAdminSocket(paths: HostPaths): boolean {
  return process.geteuid?.() === 0 && existsSync(paths.adminSocket);
}
