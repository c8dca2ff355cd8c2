/**
 * The directions in which vectors are longest: the eigenvectors of 1/n Σ t tᵀ with the largest eigenvalues, by Jacobi's rotations (Golub &
 * Van Loan, Matrix Computations, section 8.5).
 *
 * @param vectors [n, E] @returns [K][E], each of length 1
 */
export function principalDirections(vectors, E, K) {
  const A = Array.from({ length: E }, () => new Float64Array(E));
  for (let at = 0; at < vectors.length; at += E)
    for (let a = 0; a < E; a++) for (let b = 0; b < E; b++) A[a][b] += vectors[at + a] * vectors[at + b];
  const Q = Array.from({ length: E }, (_, i) => Float64Array.from({ length: E }, (_, j) => (i === j ? 1 : 0)));
  const trace = A.reduce((sum, row, i) => sum + row[i], 0);
  for (let offDiagonal = 1; offDiagonal > 1e-9; ) {
    offDiagonal = 0;
    for (let p = 0; p < E; p++)
      for (let q = p + 1; q < E; q++) {
        offDiagonal = Math.max(offDiagonal, Math.abs(A[p][q]) / trace);
        rotate(A, Q, p, q);
      }
  }
  const order = A.map((_, i) => i).sort((i, j) => A[j][j] - A[i][i]);
  return order.slice(0, K).map((i) => Q[i]);
}

/** Makes A[p][q] zero. */
function rotate(A, Q, p, q) {
  if (A[p][q] === 0) return;
  const tau = (A[q][q] - A[p][p]) / (2 * A[p][q]);
  const t = (tau < 0 ? -1 : 1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  const turn = (x, y) => [c * x - s * y, s * x + c * y];
  for (const row of A) [row[p], row[q]] = turn(row[p], row[q]);
  for (const rows of [A, Q]) for (let k = 0; k < A.length; k++) [rows[p][k], rows[q][k]] = turn(rows[p][k], rows[q][k]);
}
