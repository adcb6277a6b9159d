/** Schema files are embedded as text, so that the binary carries them. */
declare module '*.avsc' {
  const text: string;
  export default text;
}
