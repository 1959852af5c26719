/** The pages of a hub, fetched when one of them is first opened. */
export { MeshPage } from "./mesh/mesh_page.tsx";
