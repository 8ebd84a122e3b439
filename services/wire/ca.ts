// The CA protocol: istio.v1.auth.IstioCertificateService.
export type { IstioCertificateRequest, IstioCertificateResponse } from './generated/types.ts';
export { istioCertificateService } from './grpc.ts';
