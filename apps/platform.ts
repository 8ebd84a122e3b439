// This repository's own program: the mesh and the example apps, for whatever environment is asked for.
import { type Environment, Platform } from '../constructs/index.ts';
import { Bookinfo } from './bookinfo/chart.ts';

export default (env: Environment): Platform => {
  const platform = new Platform(env);
  if (env.apps !== false) new Bookinfo(platform, 'bookinfo');
  return platform;
};
