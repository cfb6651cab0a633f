import type { Category } from '../keys.ts';

/** Scopes of single calls, by the category that the service's own files name for each. */
const CATEGORIES: Readonly<Record<string, Category>> = {
  'api.bundles.search': 'misc',
  'api.asks.search': 'misc',
  'api.volumes.search': 'misc',
  'api.asks.create': 'instance_write',
  'api.instances.index': 'instance_read',
  'api.instance.show': 'instance_read',
  'api.instance.balance': 'instance_read',
  'api.instance.request_logs': 'instance_read',
  'api.instance.execute': 'instance_write',
  'api.instance.destroy': 'instance_write',
  'api.instance.manage': 'instance_write',
  'api.instance.reboot': 'instance_write',
  'api.instance.recycle': 'instance_write',
  'api.instance.bid': 'instance_write',
  'api.instance.prepay': 'instance_write',
  'api.volumes.index': 'instance_read',
  'api.volumes.create': 'instance_write',
  'api.volumes.delete': 'instance_write',
  'api.user.show': 'user_read',
  'api.user.subaccounts': 'user_read',
  'api.user.ipaddrs': 'user_read',
  'api.user.invoices': 'billing_read',
  'api.charges.index': 'billing_read',
  'api.invoices.index': 'billing_read',
  'api.contracts.fetch': 'billing_read',
  'api.credit.transfer': 'billing_write',
  'api.secrets.index': 'user_read',
  'api.ssh.index': 'user_read',
  'api.keys.index': 'user_read',
  'api.keys.create': 'user_write',
  'api.keys.delete': 'user_write',
  'api.templates.index': 'user_read',
  'api.templates.create': 'user_write',
  'api.templates.update': 'user_write',
  'api.templates.delete': 'user_write',
};

/** What has to be granted for a call; one without a category is a mistake of this program. */
export function categoryOf(scope: string): Category {
  if (/^api\.(endpoints|workergroups)\./.test(scope)) return 'misc';
  const category = CATEGORIES[scope];
  if (category === undefined) throw new Error(`the scope ${scope} has no category`);
  return category;
}
