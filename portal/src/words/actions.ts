// The actions that portals record, with their words and their groups in the chart.
// Any other action is shown by its own name.

export const GROUPS = [
  "orders",
  "customers",
  "users",
  "relationships",
  "referrals",
  "devices",
  "other",
] as const;
export type Group = (typeof GROUPS)[number];

export interface ActionWords {
  en: string;
  ko: string;
  group: Group;
}

const ACTIONS: Record<string, ActionWords> = {
  update_customer_qualification: {
    en: "Updated a customer's qualification",
    ko: "고객 자격 업데이트",
    group: "customers",
  },
  update_subscription: {
    en: "Updated a subscription",
    ko: "구독 업데이트",
    group: "orders",
  },
  upgrade_subscription: {
    en: "Upgraded a subscription",
    ko: "구독 업그레이드",
    group: "orders",
  },
  convert_trial_subscription: {
    en: "Converted a trial subscription",
    ko: "평가판 구독 전환",
    group: "orders",
  },
  add_customer: { en: "Added a customer", ko: "고객 추가", group: "customers" },
  update_customer_billing_profile: {
    en: "Updated a customer's billing profile",
    ko: "고객 청구 프로필 업데이트",
    group: "customers",
  },
  update_customer_partner_contract_company_name: {
    en: "Updated a customer's contract company name",
    ko: "고객 계약 회사 이름 업데이트",
    group: "customers",
  },
  update_customer_spending_budget: {
    en: "Updated a customer's spending budget",
    ko: "고객 지출 예산 업데이트",
    group: "customers",
  },
  delete_customer: {
    en: "Deleted a customer",
    ko: "고객 삭제",
    group: "customers",
  },
  remove_partner_customer_relationship: {
    en: "Removed a customer relationship",
    ko: "고객 관계 제거",
    group: "relationships",
  },
  create_order: { en: "Created an order", ko: "주문 만들기", group: "orders" },
  update_order: {
    en: "Updated an order",
    ko: "주문 업데이트",
    group: "orders",
  },
  create_customer_user: {
    en: "Created a customer's user",
    ko: "고객 사용자 만들기",
    group: "users",
  },
  delete_customer_user: {
    en: "Deleted a customer's user",
    ko: "고객 사용자 삭제",
    group: "users",
  },
  update_customer_user: {
    en: "Updated a customer's user",
    ko: "고객 사용자 업데이트",
    group: "users",
  },
  update_customer_user_licenses: {
    en: "Updated a customer user's licences",
    ko: "고객 사용자 라이선스 업데이트",
    group: "users",
  },
  reset_customer_user_password: {
    en: "Reset a customer user's password",
    ko: "고객 사용자 암호 재설정",
    group: "users",
  },
  update_customer_user_principal_name: {
    en: "Updated a customer user's sign-in name",
    ko: "고객 사용자 로그인 이름 업데이트",
    group: "users",
  },
  restore_customer_user: {
    en: "Restored a customer's user",
    ko: "고객 사용자 복원",
    group: "users",
  },
  create_mpn_association: {
    en: "Created a partner network association",
    ko: "파트너 네트워크 연결 만들기",
    group: "relationships",
  },
  update_mpn_association: {
    en: "Updated a partner network association",
    ko: "파트너 네트워크 연결 업데이트",
    group: "relationships",
  },
  update_sfb_customer_user_licenses: {
    en: "Updated a customer user's Skype for Business licences",
    ko: "고객 사용자 비즈니스용 Skype 라이선스 업데이트",
    group: "users",
  },
  update_transfer: {
    en: "Updated a transfer",
    ko: "이전 업데이트",
    group: "orders",
  },
  create_partner_relationship: {
    en: "Created a partner relationship",
    ko: "파트너 관계 만들기",
    group: "relationships",
  },
  register_application: {
    en: "Registered an application",
    ko: "애플리케이션 등록",
    group: "devices",
  },
  unregister_application: {
    en: "Unregistered an application",
    ko: "애플리케이션 등록 취소",
    group: "devices",
  },
  add_application_credential: {
    en: "Added an application's credential",
    ko: "애플리케이션 자격 증명 추가",
    group: "devices",
  },
  remove_application_credential: {
    en: "Removed an application's credential",
    ko: "애플리케이션 자격 증명 제거",
    group: "devices",
  },
  create_partner_user: {
    en: "Created a partner user",
    ko: "파트너 사용자 만들기",
    group: "users",
  },
  update_partner_user: {
    en: "Updated a partner user",
    ko: "파트너 사용자 업데이트",
    group: "users",
  },
  remove_partner_user: {
    en: "Removed a partner user",
    ko: "파트너 사용자 제거",
    group: "users",
  },
  create_referral: {
    en: "Created a referral",
    ko: "추천 만들기",
    group: "referrals",
  },
  update_referral: {
    en: "Updated a referral",
    ko: "추천 업데이트",
    group: "referrals",
  },
  get_software_key: {
    en: "Got a software key",
    ko: "소프트웨어 키 받기",
    group: "orders",
  },
  get_software_download_link: {
    en: "Got a software download link",
    ko: "소프트웨어 다운로드 링크 받기",
    group: "orders",
  },
  increase_spending_limit: {
    en: "Increased a spending limit",
    ko: "지출 한도 증액",
    group: "customers",
  },
  ready_invoice: {
    en: "Made an invoice ready",
    ko: "청구서 준비",
    group: "orders",
  },
  create_agreement: {
    en: "Created an agreement",
    ko: "계약 만들기",
    group: "relationships",
  },
  extend_relationship: {
    en: "Extended a relationship",
    ko: "관계 연장",
    group: "relationships",
  },
  create_transfer: {
    en: "Created a transfer",
    ko: "이전 만들기",
    group: "orders",
  },
  create_self_serve_policy: {
    en: "Created a self-service policy",
    ko: "셀프 서비스 정책 만들기",
    group: "devices",
  },
  update_self_serve_policy: {
    en: "Updated a self-service policy",
    ko: "셀프 서비스 정책 업데이트",
    group: "devices",
  },
  delete_self_serve_policy: {
    en: "Deleted a self-service policy",
    ko: "셀프 서비스 정책 삭제",
    group: "devices",
  },
  remove_partner_relationship: {
    en: "Removed a partner relationship",
    ko: "파트너 관계 제거",
    group: "relationships",
  },
  delete_tip_customer: {
    en: "Deleted a test customer",
    ko: "테스트 고객 삭제",
    group: "customers",
  },
  create_related_referral: {
    en: "Created a related referral",
    ko: "관련 추천 만들기",
    group: "referrals",
  },
  update_related_referral: {
    en: "Updated a related referral",
    ko: "관련 추천 업데이트",
    group: "referrals",
  },
  granular_admin_relationship_approved: {
    en: "Approved a granular admin relationship",
    ko: "세분화된 관리자 관계 승인",
    group: "relationships",
  },
  granular_admin_relationship_activated: {
    en: "Activated a granular admin relationship",
    ko: "세분화된 관리자 관계 활성화",
    group: "relationships",
  },
  granular_admin_relationship_termination_requested: {
    en: "Requested the end of a granular admin relationship",
    ko: "세분화된 관리자 관계 종료 요청",
    group: "relationships",
  },
  granular_admin_relationship_terminated: {
    en: "Ended a granular admin relationship",
    ko: "세분화된 관리자 관계 종료",
    group: "relationships",
  },
  granular_admin_relationship_expired: {
    en: "A granular admin relationship expired",
    ko: "세분화된 관리자 관계 만료",
    group: "relationships",
  },
  granular_admin_access_assignment_created: {
    en: "Created a granular admin access assignment",
    ko: "세분화된 관리자 액세스 할당 만들기",
    group: "relationships",
  },
  granular_admin_access_assignment_updated: {
    en: "Updated a granular admin access assignment",
    ko: "세분화된 관리자 액세스 할당 업데이트",
    group: "relationships",
  },
  granular_admin_access_assignment_deleted: {
    en: "Deleted a granular admin access assignment",
    ko: "세분화된 관리자 액세스 할당 삭제",
    group: "relationships",
  },
  dap_admin_relationship_approved: {
    en: "Approved a delegated admin relationship",
    ko: "위임된 관리자 관계 승인",
    group: "relationships",
  },
  dap_admin_relationship_terminated: {
    en: "Ended a delegated admin relationship",
    ko: "위임된 관리자 관계 종료",
    group: "relationships",
  },
  create_credit: {
    en: "Created a credit",
    ko: "크레딧 만들기",
    group: "orders",
  },
  update_credit: {
    en: "Updated a credit",
    ko: "크레딧 업데이트",
    group: "orders",
  },
  cancel_credit: {
    en: "Cancelled a credit",
    ko: "크레딧 취소",
    group: "orders",
  },
  add_user_member: {
    en: "Added a user to a role",
    ko: "역할에 사용자 추가",
    group: "users",
  },
  remove_user_member: {
    en: "Removed a user from a role",
    ko: "역할에서 사용자 제거",
    group: "users",
  },
  granular_admin_access_assignment_activated: {
    en: "Activated a granular admin access assignment",
    ko: "세분화된 관리자 액세스 할당 활성화",
    group: "relationships",
  },
  software_attestation: {
    en: "Attested software",
    ko: "소프트웨어 증명",
    group: "orders",
  },
  granular_admin_relationship_cleaned_up: {
    en: "Cleaned up a granular admin relationship",
    ko: "세분화된 관리자 관계 정리",
    group: "relationships",
  },
  update_company_info: {
    en: "Updated company information",
    ko: "회사 정보 업데이트",
    group: "customers",
  },
  policy_created: {
    en: "Created a policy",
    ko: "정책 만들기",
    group: "devices",
  },
  policy_updated: {
    en: "Updated a policy",
    ko: "정책 업데이트",
    group: "devices",
  },
  policy_deleted: { en: "Deleted a policy", ko: "정책 삭제", group: "devices" },
  device_updated: {
    en: "Updated a device",
    ko: "디바이스 업데이트",
    group: "devices",
  },
  devices_update_attempted: {
    en: "Tried to update devices",
    ko: "디바이스 업데이트 시도",
    group: "devices",
  },
  device_deleted: {
    en: "Deleted a device",
    ko: "디바이스 삭제",
    group: "devices",
  },
  devices_upload_to_new_batch_attempted: {
    en: "Tried to upload devices to a new batch",
    ko: "새 배치에 디바이스 업로드 시도",
    group: "devices",
  },
  devices_upload_to_existing_batch_attempted: {
    en: "Tried to upload devices to an existing batch",
    ko: "기존 배치에 디바이스 업로드 시도",
    group: "devices",
  },
  manage_overage: { en: "Managed overage", ko: "초과분 관리", group: "orders" },
  dap_admin_relationship_terminated_by_microsoft: {
    en: "Microsoft ended a delegated admin relationship",
    ko: "Microsoft가 위임된 관리자 관계 종료",
    group: "relationships",
  },
  azure_fraud_event_detected: {
    en: "Azure detected possible fraud",
    ko: "Azure 사기 의심 이벤트 감지",
    group: "other",
  },
  create_new_commerce_migration: {
    en: "Created a new commerce migration",
    ko: "새 커머스 마이그레이션 만들기",
    group: "orders",
  },
  export_activity_log: {
    en: "Exported the activity log",
    ko: "활동 로그 내보내기",
    group: "other",
  },
  download_activity_log: {
    en: "Downloaded an activity log export",
    ko: "활동 로그 내보내기 다운로드",
    group: "other",
  },
  erase_customer: {
    en: "Erased a customer's data",
    ko: "고객 데이터 삭제",
    group: "other",
  },
  open_import: {
    en: "Opened the activity log for an import",
    ko: "활동 로그 가져오기 시작",
    group: "other",
  },
  close_import: {
    en: "Closed the import into the activity log",
    ko: "활동 로그 가져오기 종료",
    group: "other",
  },
};

/** Adds a deployment's own words, before the page is drawn. */
export function addActions(actions: Record<string, ActionWords>) {
  Object.assign(ACTIONS, actions);
}

export function knownActions(): string[] {
  return Object.keys(ACTIONS);
}

/** `create_referral` as "Created a referral"; an unknown one as "Rotate key". */
export function actionInWords(action: string, locale: "en" | "ko"): string {
  const known = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (known) return known[locale];
  const words = action.replace(/[._-]+/g, " ").trim();
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : action;
}

export function groupOf(action: string): Group {
  return (Object.hasOwn(ACTIONS, action) ? ACTIONS[action]?.group : undefined) ?? "other";
}
