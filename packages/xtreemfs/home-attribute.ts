/** Extended attribute of a home that an MRC made and no host has put a skeleton into yet; who has done so removes it. */
export const homeWantsSkeleton = 'user.xtreemos.wants-skeleton';
