/** Of the service; stands in its status. */
export const version = '0.1.0';
