/**
 * Whether a line of a service's standard error is one that its log has for what it does and for what it is asked. Others
 * tell of a mistake: of the library's, whose stack has no status, or of Node's.
 */
export function isExpected(line: string): boolean {
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z +(INFO|ERROR(?= .* status=\d{3}$)) /.test(line);
}
